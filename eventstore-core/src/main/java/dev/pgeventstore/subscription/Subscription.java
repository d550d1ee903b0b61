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
   * What it is doing, on all nodes. Asks the database; if that cannot be reached, the status tells
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
   * Waits until this subscription has applied an append, or passed over it if its filter drops the
   * events. Then what the handler has written for it can be read. All partitions that the append's
   * streams belong to are waited for, on whatever node they are handled.
   *
   * <p>If the server has crashed, was restarted or failed over since the append was sent, or if
   * that is not known, it is looked for by the ids of its events, whatever has become of them
   * since. A result that was made without ids, by {@link AppendResult#of(Position, Map, boolean)},
   * cannot be looked for: only its position is waited for.
   *
   * @param append what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not come that far; the message says where it is, and what
   *     keeps it
   * @throws EventParkedException if an event of the append is parked; once it was replayed this
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
   * Waits until this subscription has passed a position: until every event up to it that is wanted
   * was applied, or set aside, in all partitions, on whatever node they are handled. For what has a
   * position only: a message, a part of a request, an event that was read. For an append wait with
   * its result: that waits for fewer partitions and promises more.
   *
   * <p>If the server has crashed, was restarted or failed over, the position may be another
   * event's, or may come later than the event that is meant; nothing can be told of an event that
   * was lost. It is passed in the history that the server has while this method waits: a partition
   * that stood behind it in a history that is over has to come there again.
   *
   * @param position what to wait for; {@link Position#START} is passed
   * @param timeout how long to wait
   * @throws TimeoutException if it has not come that far; the message says where it is, and what
   *     keeps it
   * @throws EventParkedException if the event of that very position is parked; nothing is said of
   *     those before it
   * @throws EventDiscardedException if the event of that very position was parked and then
   *     discarded
   * @throws IllegalStateException if it has stopped before it had come to the position, with the
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
   * wait, since two of them that close each other would wait for good. Its leases are given back,
   * so that another node goes on at once. Its checkpoint stays: a subscription of the same name
   * goes on from there. Stopping twice does nothing.
   */
  @Override
  void close();
}
