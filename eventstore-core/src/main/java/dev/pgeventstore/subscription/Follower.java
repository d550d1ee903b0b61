package dev.pgeventstore.subscription;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;

/**
 * A running reader of this process alone: it has no name, no checkpoint and no lease, and writes
 * nothing to the database. For what each process does for itself, such as a cache, and for readers
 * that store their position elsewhere. Safe for many threads.
 *
 * <p>Every settled event after the start that matches the query reaches the handler, in position
 * order, and once, as long as the handler does not fail and the server keeps its history. A crash
 * or a restart of the server may have lost what was visible, so the follower {@linkplain
 * FollowerBuilder#load loads its start afresh} then, or ends with a {@link
 * dev.pgeventstore.HistoryChangedException} if it started at a fixed position.
 *
 * <p>If the database cannot be reached or refuses, the follower retries, with pauses of 50 ms to 5
 * s, until it responds or the follower is closed. An exception from the handler ends the follower,
 * since the handler may have been interrupted in the middle of its work. Close it before its store.
 */
public interface Follower extends AutoCloseable {

  /**
   * What it is doing, without asking the database.
   *
   * @return the status of this moment
   */
  Status status();

  /**
   * Its position: every matching event up to here has been handled.
   *
   * @return a position; smaller than before if it was loaded afresh
   */
  default Position position() {
    return status().position();
  }

  /**
   * Waits until it has handled an append, or has skipped it because its filter excludes the events.
   *
   * @param append what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time; the message says where it is
   * @throws IllegalStateException if it has ended, with the error that ended it as the cause
   * @throws dev.pgeventstore.AppendLostException if the server has lost the append, by a fail-over
   *     for example, or if the caller's transaction that it was made in was rolled back
   * @throws dev.pgeventstore.EventStoreException if the database cannot be queried whether the
   *     append is still there
   * @throws InterruptedException if the thread was interrupted
   */
  void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException;

  /**
   * Waits until it has reached a position. After a crash or a fail-over of the server the position
   * may belong to another event, or may be later than the intended event, and a lost event is not
   * noticed; for an append, wait with its result. The position is reached in the history that the
   * server has while this method waits.
   *
   * @param position what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time; the message says where it is
   * @throws IllegalStateException if it has ended, with the error that ended it as the cause
   * @throws dev.pgeventstore.EventStoreException if the database cannot be queried which history it
   *     has
   * @throws InterruptedException if the thread was interrupted
   */
  default void awaitApplied(Position position, Duration timeout)
      throws TimeoutException, InterruptedException {
    awaitApplied(AppendResult.of(position, Map.of(), false), timeout);
  }

  /**
   * Stops after the events that are being handled. Waits for that, unless called from a handler, of
   * this or another follower or subscription: two of them that close each other would wait for
   * good. If the calling thread is interrupted meanwhile, it waits no longer, and stays
   * interrupted. Stopping twice does nothing.
   */
  @Override
  void close();

  /** What is done with the events. */
  @FunctionalInterface
  interface Handler {

    /**
     * Handles some events. Called by one thread, which the follower does not interrupt. An
     * interrupt that the handler leaves behind, as after catching an {@link InterruptedException},
     * is cleared and changes nothing: the events are handled if it returns, and the follower ends
     * if it throws.
     *
     * @param events at least one, in position order; unmodifiable. Unless the query asks for types,
     *     there may be erased ones among them, see {@link RecordedEvent#isErased()}
     * @throws Exception if they cannot be handled: the follower ends. So it does when an event
     *     cannot be decoded on this node ({@link dev.pgeventstore.UndecodableEventException}): ask
     *     only for types that are known, or read {@link RecordedEvent#encoded()}
     */
    void handle(List<RecordedEvent> events) throws Exception;
  }

  /** Finds the start, and prepares what the handler continues with. */
  @FunctionalInterface
  interface Load {

    /**
     * Loads. Whatever an earlier call or the handler has made is to be replaced: the history may be
     * another one now.
     *
     * @return everything up to here is in what was loaded
     * @throws Exception if that cannot be done
     */
    Position load() throws Exception;
  }

  /** Whether it runs. */
  enum State {
    /** It handles events, or waits for some. */
    RUNNING,
    /** The database failed, or loading afresh did; it retries, with pauses. */
    RETRYING,
    /** It was closed. */
    STOPPED,
    /** It has ended with an error. */
    FAILED
  }

  /** What a follower is doing. It may get more methods. */
  interface Status {

    /**
     * Whether it runs.
     *
     * @return one of the states
     */
    State state();

    /**
     * Every matching event at or below it has been handled.
     *
     * @return its position
     */
    Position position();

    /**
     * Everything at or below it is settled.
     *
     * @return as last observed
     */
    Position highWaterMark();

    /**
     * What ended it, or what it is retrying after.
     *
     * @return empty if it has not failed
     */
    Optional<Throwable> error();
  }
}
