package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * What to do about an event, or an outbox message, that cannot be published, however often one
 * tries: its mapper throws, the record is too large, or Kafka refuses it, because it has no key and
 * the topic is compacted, for example. What comes of it is part of the same transaction as the
 * position. Immutable.
 *
 * <p>What the mapper throws counts whatever it is, an {@link Error} too. Only a {@link
 * VirtualMachineError} halts the relay past the policy; a {@link StackOverflowError} does not.
 */
public final class PoisonPolicy {

  private final Function<Poison, Decision> decide;

  private PoisonPolicy(Function<Poison, Decision> decide) {
    this.decide = decide;
  }

  /**
   * Halts. Everything before it is published, and nothing behind it. The default.
   *
   * @return the policy
   */
  public static PoisonPolicy halt() {
    return decide(poison -> Decision.HALT);
  }

  /**
   * Parks the stream: this event and all later ones of its stream are not published until an
   * operator retries or discards them; all other streams go on. A message has no stream to park:
   * the relay halts.
   *
   * @return the policy
   */
  public static PoisonPolicy parkStream() {
    return decide(poison -> Decision.PARK_STREAM);
  }

  /**
   * Sends it to the relay's {@link KafkaRelay.Builder#deadLetters dead letter topic} instead, and
   * goes on.
   *
   * @return the policy
   */
  public static PoisonPolicy deadLetter() {
    return decide(poison -> Decision.DEAD_LETTER);
  }

  /**
   * Decides case by case.
   *
   * @param function called by the relay's threads; what it throws halts the relay
   * @return the policy
   */
  public static PoisonPolicy decide(Function<Poison, Decision> function) {
    return new PoisonPolicy(Objects.requireNonNull(function, "function"));
  }

  /**
   * What becomes of something that cannot be published. Called by the relay.
   *
   * @param poison what it is
   * @return the decision
   */
  public Decision on(Poison poison) {
    return Objects.requireNonNull(decide.apply(poison), "a poison policy's decision");
  }

  /** What becomes of it. */
  public enum Decision {
    /** The relay halts. */
    HALT,
    /** Its stream waits. */
    PARK_STREAM,
    /** It goes to the dead letter topic. */
    DEAD_LETTER,
    /** It is passed over, and logged. */
    SKIP
  }

  /** What cannot be published. The relay implements it, and tests; it may get more methods. */
  public interface Poison {

    /**
     * Where it stands.
     *
     * @return the position of the event or message
     */
    Position position();

    /**
     * Its stream.
     *
     * @return empty for a message
     */
    Optional<String> stream();

    /**
     * What it is.
     *
     * @return the type of the event, or the topic of the message
     */
    String type();

    /**
     * Why it cannot be published.
     *
     * @return what the mapper threw, whatever that was; what is wrong with the record; or a {@link
     *     org.apache.kafka.common.KafkaException} with Kafka's answer as its cause
     */
    Throwable failure();
  }
}
