package dev.pgeventstore.subscription;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a subscription is doing, on all nodes.
 *
 * @param state what it does on this node
 * @param position everything wanted at or below it has been handled, in every partition
 * @param highWaterMark everything at or below it is settled; as last observed by this node
 * @param error what stopped it, or what it is retrying after
 * @param partitions each of them, also those that other nodes handle
 * @param parked how many events are parked
 * @param blockers who holds the high-water mark back; empty if nobody does
 * @param complaint why it is not healthy; empty if it is
 */
public record SubscriptionStatus(
    State state,
    Position position,
    Position highWaterMark,
    Optional<Throwable> error,
    List<Partition> partitions,
    long parked,
    List<Blocker> blockers,
    Optional<String> complaint) {

  /**
   * Whether all is well. It is not if the subscription has stopped with an error, or was removed;
   * if it has parked events; if no live node can decode an event; if it is behind and has not moved
   * for some time ({@link Subscriptions.Builder#unhealthyAfter}); or if for that time the
   * high-water mark was held back, or could not be observed.
   *
   * @return false if somebody should look after it; {@link #complaint()} says why
   */
  public boolean isHealthy() {
    return complaint.isEmpty();
  }

  /**
   * How many positions lie between it and the high-water mark: no fewer than there are events to be
   * handled.
   *
   * @return 0 if it has caught up
   */
  public long lag() {
    return Math.max(0, highWaterMark.value() - position.value());
  }

  /** Whether a subscription, or a partition of it, runs. */
  public enum State {
    /** It handles events, or waits for some. */
    RUNNING,
    /** Other nodes have all leases. It goes on when one becomes free. */
    WAITING,
    /** The handler, or the database, failed; it tries again, with pauses. */
    RETRYING,
    /** It was closed. */
    STOPPED,
    /**
     * Its handler failed too often, or its query was replaced by another node's. Nothing was
     * skipped: mend the handler and start it again.
     */
    FAILED
  }

  /**
   * What a partition is doing.
   *
   * @param number from 0
   * @param state what it does on the node that has its lease; {@code WAITING} if none has
   * @param position everything wanted at or below it has been handled
   * @param lag how many positions lie between it and the high-water mark
   * @param behind how long the first event behind it has been stored; zero if there is none
   * @param owner the node that has its lease
   * @param epoch the number of its tenure
   * @param lease how much longer the lease lasts unless it is renewed; zero if there is none
   * @param error what this node is retrying after, or what stopped it; or which nodes cannot decode
   *     an event of it
   */
  public record Partition(
      int number,
      State state,
      Position position,
      long lag,
      Duration behind,
      Optional<String> owner,
      long epoch,
      Duration lease,
      Optional<String> error) {}
}
