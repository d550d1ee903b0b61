package dev.pgeventstore.kafka;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a relay was doing when it was asked. The counters are of this object, since it was started,
 * over all its lanes. Immutable; applications do not implement it, and it may get more methods.
 */
public interface RelayStatus {

  /**
   * Whether it publishes.
   *
   * @return of several lanes, what most needs to be known
   */
  State state();

  /**
   * Why it halted, why it is paused, what it is trying again after, or after which failure it has
   * handed the lead over.
   *
   * @return empty if there is nothing to say
   */
  Optional<String> reason();

  /**
   * Where it stands: everything wanted at or below is committed in Kafka, as far as this relay
   * knows. One that does not lead knows what it knew when it last did.
   *
   * @return of several lanes, the least
   */
  Position position();

  /**
   * Everything at or below it is settled in the store.
   *
   * @return as last seen by this relay
   */
  Position highWaterMark();

  /**
   * How many transactions were committed in Kafka.
   *
   * @return at least once, how often records were confirmed
   */
  long transactions();

  /**
   * How many transactions were begun and not seen to commit.
   *
   * @return 0 or more
   */
  long aborts();

  /**
   * How often another relay has taken over while this one was at work.
   *
   * @return 0 or more
   */
  long fenced();

  /**
   * How many events were in the committed transactions.
   *
   * @return 0 or more
   */
  long eventsSent();

  /**
   * How many outbox messages were in them.
   *
   * @return 0 or more
   */
  long messagesSent();

  /**
   * How many records were in them.
   *
   * @return 0 or more
   */
  long recordsSent();

  /**
   * How many streams wait for an operator.
   *
   * @return 0 or more
   */
  int parkedStreams();

  /**
   * For how long there has been something to publish.
   *
   * @return zero if there is nothing
   */
  Duration behindFor();

  /**
   * How long the last transaction took.
   *
   * @return from its first record to its commit; zero before the first
   */
  Duration lastTransaction();

  /**
   * How many records the last transaction had.
   *
   * @return 0 before the first
   */
  int lastTransactionRecords();

  /**
   * The transactions that have held the high-water mark back for more than a second: no later event
   * can be published.
   *
   * @return the oldest first; empty if there are none
   */
  List<Blocker> blockers();

  /**
   * What is wrong.
   *
   * @return empty if nothing is
   */
  Optional<String> complaint();

  /**
   * Each lane by itself.
   *
   * @return by number
   */
  List<Lane> lanes();

  /**
   * Whether all is well. It is not if the relay has halted; if there was something to publish and
   * nothing was for some time ({@link KafkaRelay.Builder#unhealthyAfter}), for whatever reason,
   * pausing included; if it could not begin to publish for that time; or if for that time a
   * transaction has held the high-water mark back. A relay that stands by has nothing to complain
   * of.
   *
   * @return false if an operator should look at it; {@link #complaint()} says why
   */
  default boolean isHealthy() {
    return complaint().isEmpty();
  }

  /**
   * How many positions lie between it and the high-water mark: no fewer than there are events and
   * messages to be published.
   *
   * @return 0 if it has caught up
   */
  default long lag() {
    return Math.max(0, highWaterMark().value() - position().value());
  }

  /** What a lane was doing. */
  interface Lane {

    /**
     * Its number.
     *
     * @return 0 for the first
     */
    int lane();

    /**
     * Whether it publishes.
     *
     * @return the state
     */
    State state();

    /**
     * Why it halted, why it is paused, what it is trying again after, or after which failure it has
     * handed the lead over.
     *
     * @return empty if there is nothing to say
     */
    Optional<String> reason();

    /**
     * Where it stands.
     *
     * @return everything of it at or below is committed in Kafka
     */
    Position position();
  }

  /** Whether a relay publishes. */
  enum State {
    /**
     * It has stopped because going on might lose, repeat or reorder events, or cannot succeed. The
     * reason says what to do; then start it again.
     */
    HALTED,
    /** It is about to publish, or tries again after a failure; the reason says which. */
    STARTING,
    /** An operator has paused it. */
    PAUSED,
    /** It publishes, or waits for events to publish. */
    LEADING,
    /**
     * Another relay of the same name leads. This one takes over when that one is gone. If it could
     * not publish when it led, the reason says so.
     */
    STANDBY,
    /** It was closed. */
    STOPPED
  }
}
