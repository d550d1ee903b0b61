package dev.pgeventstore.subscription;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a subscription is doing, on all nodes, at one moment. Stores implement it; it may get more
 * methods.
 */
public interface SubscriptionStatus {

  /**
   * What it does on this node.
   *
   * @return the state
   */
  State state();

  /**
   * Everything wanted at or below it has been handled, in every partition.
   *
   * @return the lowest position of all partitions
   */
  Position position();

  /**
   * Everything at or below it is settled.
   *
   * @return as last observed by this node
   */
  Position highWaterMark();

  /**
   * The failure that stopped it, or that it is retrying after.
   *
   * @return empty if it has not failed
   */
  Optional<Throwable> error();

  /**
   * Each partition, also those that other nodes handle.
   *
   * @return by number
   */
  List<Partition> partitions();

  /**
   * How many events are parked.
   *
   * @return 0 or more
   */
  long parked();

  /**
   * The transactions that hold the high-water mark back.
   *
   * @return empty if there are none
   */
  List<Blocker> blockers();

  /**
   * Why it is not healthy.
   *
   * @return empty if it is
   */
  Optional<String> complaint();

  /**
   * Whether all is well. It is not if the subscription has stopped with an error, or was removed;
   * if it has parked events; if no live node can decode an event; if it is behind and has not moved
   * for some time ({@link Subscriptions.Builder#unhealthyAfter}); or if for that time the
   * high-water mark was held back, or could not be observed.
   *
   * @return false if an operator should look at it; {@link #complaint()} says why
   */
  default boolean isHealthy() {
    return complaint().isEmpty();
  }

  /**
   * How many positions lie between it and the high-water mark: no fewer than there are events to be
   * handled.
   *
   * @return 0 if it has caught up
   */
  default long lag() {
    return Math.max(0, highWaterMark().value() - position().value());
  }

  /** Whether a subscription, or a partition of it, runs. */
  enum State {
    /** It handles events, or waits for some. */
    RUNNING,
    /** Other nodes have all leases. It continues when one becomes free. */
    WAITING,
    /** The handler, or the database, failed; it retries, with pauses. */
    RETRYING,
    /** It was closed. */
    STOPPED,
    /**
     * Its handler failed too often, or its query was replaced by another node's. Nothing was
     * skipped: fix the handler and start it again.
     */
    FAILED
  }

  /** What a partition is doing. */
  interface Partition {

    /**
     * Its number.
     *
     * @return from 0
     */
    int number();

    /**
     * What it does on the node that has its lease.
     *
     * @return {@code WAITING} if no node has it
     */
    State state();

    /**
     * Every matching event at or below it has been handled.
     *
     * @return the checkpoint, or the position that this node has reached
     */
    Position position();

    /**
     * How many positions lie between it and the high-water mark.
     *
     * @return 0 if it has caught up
     */
    long lag();

    /**
     * How long ago the first event after it was stored.
     *
     * @return zero if there is none
     */
    Duration behind();

    /**
     * The node that has its lease.
     *
     * @return empty if none has
     */
    Optional<String> owner();

    /**
     * The number of its tenure.
     *
     * @return larger than that of every earlier one
     */
    long epoch();

    /**
     * How much longer the lease lasts unless it is renewed.
     *
     * @return zero if there is none
     */
    Duration lease();

    /**
     * The failure that this node is retrying after, or that stopped it; or the nodes that cannot
     * decode an event of it.
     *
     * @return empty if nothing is wrong
     */
    Optional<String> error();
  }
}
