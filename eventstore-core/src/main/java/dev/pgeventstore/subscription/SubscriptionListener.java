package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import java.time.Duration;

/**
 * Is told what a subscription does in this process: for metrics, logs and caches. Every method does
 * nothing unless overridden.
 *
 * <p>Methods are called by the threads that handle events, so a slow one delays them; what they
 * throw is logged and changes nothing, and an interrupt that they leave behind is cleared. Of a
 * subscription with partitions several may be called at the same time.
 */
public interface SubscriptionListener {

  /**
   * A batch and its checkpoint were committed.
   *
   * @param batch what was committed
   */
  default void applied(Batch batch) {}

  /**
   * A partition has come to the high-water mark. Called when that begins to be so.
   *
   * @param name of the subscription
   * @param partition of it
   * @param position where it stands
   */
  default void caughtUp(String name, int partition, Position position) {}

  /**
   * A partition that had caught up is behind for longer than a moment: more events are settled than
   * go into one batch.
   *
   * @param name of the subscription
   * @param partition of it
   * @param position where it stands
   * @param highWaterMark where it should be
   */
  default void fellBehind(String name, int partition, Position position, Position highWaterMark) {}

  /**
   * The handler failed, or the database did. It is tried again, or what the policy says is done.
   *
   * @param name of the subscription
   * @param partition of it
   * @param position where it stands
   * @param error what happened
   */
  default void failed(String name, int partition, Position position, Throwable error) {}

  /**
   * An event was parked, either because it failed too often, or because one before it in its stream
   * is parked.
   *
   * @param name of the subscription
   * @param partition of it
   * @param event what was parked
   */
  default void parked(String name, int partition, ParkedEvent event) {}

  /**
   * This process has taken the lease of a partition and begins to handle its events.
   *
   * @param name of the subscription
   * @param partition of it
   * @param epoch the number of this tenure
   */
  default void leaseTaken(String name, int partition, long epoch) {}

  /**
   * This process does not handle a partition any more: the lease was given back, or ran out and
   * another process took it.
   *
   * @param name of the subscription
   * @param partition of it
   * @param lost true if it ran out or was taken, false if it was given back
   */
  default void leaseEnded(String name, int partition, boolean lost) {}

  /**
   * The subscription has stopped with an error.
   *
   * @param name of the subscription
   * @param error what stopped it
   */
  default void stopped(String name, Throwable error) {}

  /**
   * A batch that was committed.
   *
   * @param name of the subscription
   * @param partition of it
   * @param events how many were handled; 0 if only the checkpoint moved
   * @param position where the partition stands now
   * @param highWaterMark everything at or below it is settled
   * @param took from calling the handler to the end of the commit
   */
  record Batch(
      String name,
      int partition,
      int events,
      Position position,
      Position highWaterMark,
      Duration took) {}
}
