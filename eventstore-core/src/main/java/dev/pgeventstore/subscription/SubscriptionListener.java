package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import java.time.Duration;
import java.util.List;

/**
 * Notified of what a subscription does in this process: for metrics, traces, logs and caches. Every
 * method does nothing unless overridden. The arguments may get more methods; applications implement
 * them in tests only.
 *
 * <p>Methods are called by the threads that handle events, so a slow one delays them; what they
 * throw is logged and changes nothing, and an interrupt that they leave behind is cleared. For a
 * subscription with several partitions, several may be called at the same time.
 */
public interface SubscriptionListener {

  /**
   * A batch and its checkpoint were committed.
   *
   * @param batch what was committed
   */
  default void applied(Applied batch) {}

  /**
   * A partition has reached the high-water mark. Called once each time it catches up.
   *
   * @param place its position
   */
  default void caughtUp(Place place) {}

  /**
   * A partition that had caught up is behind for longer than a moment: more events are settled than
   * fit into one batch.
   *
   * @param place its position
   */
  default void fellBehind(Place place) {}

  /**
   * The handler failed, or the database did. The batch is retried, or the failure policy is
   * applied.
   *
   * @param failure what happened, and where
   */
  default void failed(Failed failure) {}

  /**
   * An event was parked, either because it failed too often, or because one before it in its stream
   * is parked.
   *
   * @param parked which one
   */
  default void parked(Parked parked) {}

  /**
   * This process has taken the lease of a partition and begins to handle its events.
   *
   * @param lease of the partition
   */
  default void leaseTaken(LeaseTaken lease) {}

  /**
   * This process does not handle a partition any more: the lease was given back, or ran out and
   * another process took it.
   *
   * @param lease of the partition
   */
  default void leaseEnded(LeaseEnded lease) {}

  /**
   * The subscription has stopped with an error.
   *
   * @param stop what stopped it
   */
  default void stopped(Stopped stop) {}

  /** Something that has happened in a partition. */
  interface InPartition {

    /**
     * The subscription.
     *
     * @return its name
     */
    String subscription();

    /**
     * The partition.
     *
     * @return 0 or more
     */
    int partition();
  }

  /** The position of a partition. */
  interface Place extends InPartition {

    /**
     * Its position: every matching event up to here was handled or parked.
     *
     * @return the checkpoint
     */
    Position position();

    /**
     * Where it should be: everything at or below it is settled.
     *
     * @return the high-water mark as it was last observed
     */
    Position highWaterMark();
  }

  /** A batch that was committed. */
  interface Applied extends Place {

    /**
     * What the handler was given.
     *
     * @return in position order; empty if only the checkpoint moved
     */
    List<RecordedEvent> events();

    /**
     * How long it took.
     *
     * @return from calling the handler to the end of the commit
     */
    Duration took();
  }

  /** A failure. */
  interface Failed extends InPartition {

    /**
     * The position of the partition.
     *
     * @return the checkpoint
     */
    Position position();

    /**
     * What happened.
     *
     * @return what the handler threw, or how the database failed
     */
    Throwable error();
  }

  /** An event that was parked. */
  interface Parked extends InPartition {

    /**
     * The event.
     *
     * @return with its stream, version and position, and what its handler failed with
     */
    ParkedEvent event();
  }

  /** A lease that was taken. */
  interface LeaseTaken extends InPartition {

    /**
     * The number of this tenure.
     *
     * @return larger than that of every earlier one of the partition
     */
    long epoch();
  }

  /** A lease that has ended. */
  interface LeaseEnded extends InPartition {

    /**
     * Whether it was lost.
     *
     * @return true if it ran out or was taken, false if it was given back
     */
    boolean lost();
  }

  /** The end of a subscription. */
  interface Stopped {

    /**
     * The subscription.
     *
     * @return its name
     */
    String subscription();

    /**
     * What stopped it.
     *
     * @return on the node whose handler failed, what it threw; on others, an error that quotes it;
     *     or how the database failed
     */
    Throwable error();
  }
}
