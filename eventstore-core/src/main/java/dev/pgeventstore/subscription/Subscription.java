package dev.pgeventstore.subscription;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeoutException;

/** A running subscription. Safe for many threads. */
public interface Subscription extends AutoCloseable {

  /**
   * The name of its checkpoint.
   *
   * @return as given when it was created
   */
  String name();

  /**
   * What it is doing, on all nodes. Asks the database; if that cannot be reached, the status has
   * what this node knows, and is not healthy.
   *
   * @return the status of this moment
   */
  SubscriptionStatus status();

  /**
   * The events that were set aside.
   *
   * @return what lists, replays and discards them; works also after closing
   */
  ParkedEvents parked();

  /**
   * Waits until this subscription has applied an append, or has skipped it because its filter
   * excludes the events. Then what the handler has written for it can be read. It waits for all
   * partitions that the append's streams belong to, on whatever node they are handled.
   *
   * <p>If the server has crashed, was restarted or failed over since the append was sent, or if
   * that is not known, the append is looked up by the ids of its events, whatever has happened to
   * them since. A result that was made without ids, by {@link AppendResult#of(Position, Map,
   * boolean)}, cannot be looked up: this method waits for its position only.
   *
   * @param append what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time; the message says where it is,
   *     and what delays it
   * @throws EventParkedException if an event of the append is parked; once it is replayed, this
   *     method returns
   * @throws EventDiscardedException if an event of the append was parked and then discarded
   * @throws dev.pgeventstore.AppendLostException if the server has lost the append, by a fail-over
   *     for example, or if the caller's transaction that it was made in was rolled back
   * @throws IllegalStateException if it has stopped before it had applied the append, with the
   *     error that stopped it as the cause, or if it was removed on another node
   * @throws InterruptedException if the thread was interrupted
   */
  void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException;

  /**
   * Waits until this subscription has passed a position: until every matching event up to it was
   * applied, or parked, in all partitions, on whatever node they are handled. For what has a
   * position only: a message, a part of a request, an event that was read. For an append wait with
   * its result: that waits for fewer partitions and promises more.
   *
   * <p>If the server has crashed, was restarted or failed over, the position may belong to another
   * event, or may be later than the intended event; a lost event is not noticed. The position is
   * passed in the history that the server has while this method waits: a partition that had passed
   * it in an earlier history has to reach it again.
   *
   * @param position what to wait for; {@link Position#START} is passed
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time; the message says where it is,
   *     and what delays it
   * @throws EventParkedException if the event of that very position is parked; events before it are
   *     not reported
   * @throws EventDiscardedException if the event of that very position was parked and then
   *     discarded
   * @throws IllegalStateException if it has stopped before it had reached the position, with the
   *     error that stopped it as the cause, or if it was removed on another node
   * @throws InterruptedException if the thread was interrupted
   */
  default void awaitApplied(Position position, Duration timeout)
      throws TimeoutException, InterruptedException {
    awaitApplied(AppendResult.of(position, Map.of(), false), timeout);
  }

  /**
   * Stops after the batch that is being handled, which is completed. Waits for that, unless called
   * from a handler or a listener, of this or another subscription or follower: then it does not
   * wait, since two of them that close each other would wait for each other without end. Its leases
   * are released, so that another node continues at once. Its checkpoint stays: a subscription of
   * the same name continues from there. Stopping twice does nothing.
   */
  @Override
  void close();
}
