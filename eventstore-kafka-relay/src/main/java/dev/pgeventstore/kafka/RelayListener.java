package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.time.Duration;

/**
 * Is told what a relay does in this process: for metrics, traces and logs. Every method does
 * nothing unless overridden. What is told may get more methods; applications do not implement it,
 * but in tests of theirs.
 *
 * <p>Methods are called one at a time, in the order in which things happened, by a thread that does
 * nothing else. So a slow listener delays no lane; what it throws is logged and changes nothing.
 * When it is 10,000 calls behind, further ones are left out until it has caught up, which is
 * logged. Closing the relay waits for the last calls, for 5 seconds at most.
 */
public interface RelayListener {

  /**
   * This process leads a lane: it has taken over where the one before stood, the history was
   * compared, and it publishes from now on.
   *
   * @param lane where it stands
   */
  default void led(Led lane) {}

  /**
   * This process does not publish a lane any more.
   *
   * @param lane why not
   */
  default void leadEnded(LeadEnded lane) {}

  /**
   * A transaction was committed in Kafka; at least once, records were confirmed. A commit of which
   * the relay does not learn, because the connection is lost, is not told.
   *
   * @param transaction what was in it
   */
  default void committed(Committed transaction) {}

  /**
   * The poison policy has decided about an event or a message that cannot be published, and what it
   * decided is committed. A decision to halt is told by {@link #halted} only.
   *
   * @param poison what it is, and what becomes of it
   */
  default void poisoned(Poisoned poison) {}

  /**
   * A lane has failed, because of Kafka or the database, and tries again.
   *
   * @param failure what happened
   */
  default void failed(Failed failure) {}

  /**
   * A lane has halted: an operator has to look at it.
   *
   * @param halt what halted it
   */
  default void halted(Halted halt) {}

  /** Something that has happened in a lane. */
  interface InLane {

    /**
     * The relay.
     *
     * @return its name
     */
    String relay();

    /**
     * The lane.
     *
     * @return 0 for the first
     */
    int lane();

    /**
     * Where the lane stands.
     *
     * @return everything wanted at or below is committed in Kafka, as far as this process knows
     */
    Position position();
  }

  /** A lead that has begun. */
  interface Led extends InLane {}

  /** A lead that has ended. */
  interface LeadEnded extends InLane {

    /**
     * Whether it was lost.
     *
     * @return true if another process has taken it; false if this one gave it up, because it was
     *     closed or has failed
     */
    boolean lost();
  }

  /** A transaction that was committed. */
  interface Committed extends InLane {

    /**
     * Where the lane should stand.
     *
     * @return the high-water mark when the last of it was read
     */
    Position highWaterMark();

    /**
     * How many events were published.
     *
     * @return those of which there is no record among them, unless the query does not want them
     */
    int events();

    /**
     * How many outbox messages were published.
     *
     * @return 0 or more
     */
    int messages();

    /**
     * How many records were sent.
     *
     * @return 0 or more
     */
    int records();

    /**
     * How long it took.
     *
     * @return from the first record to the end of the commit
     */
    Duration took();
  }

  /** A decision of the poison policy. */
  interface Poisoned extends InLane {

    /**
     * What cannot be published.
     *
     * @return the event or message, and why
     */
    PoisonPolicy.Poison poison();

    /**
     * What becomes of it.
     *
     * @return its stream is parked, it is sent to the dead letters, or it is skipped
     */
    PoisonPolicy.Decision decision();
  }

  /** A failure. */
  interface Failed extends InLane {

    /**
     * What happened.
     *
     * @return what Kafka's client or the database has thrown
     */
    Throwable error();
  }

  /** The end of a lane. */
  interface Halted extends InLane {

    /**
     * What halted it.
     *
     * @return its message says what to do
     */
    Throwable error();
  }
}
