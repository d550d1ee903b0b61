package dev.pgeventstore;

import java.sql.Connection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A store of events: version-checked streams, and one global order over all of them. Safe for use
 * by many threads.
 *
 * <p>An append that returned is committed, with the durability of the server's {@code
 * synchronous_commit}.
 */
public interface EventStore extends EventStreams, AutoCloseable {

  /**
   * Appends without waiting for the response: one thread may keep thousands of appends in flight.
   *
   * <p>What can be refused without the database is refused at once, by an exception from this
   * method. Everything else completes the future, with the exceptions that {@link #append(Append)}
   * throws. Appends to one stream are carried out in the order of these calls; if the outcome of
   * one append is unknown, the appends behind it on its streams that were not sent yet fail, and
   * none of their events are written. If the store's limit of appends in flight is reached, this
   * method waits.
   *
   * <p>Futures are completed by a thread of the store that does nothing else. A dependent action
   * must not block this thread, or other futures wait.
   *
   * @param append the events, and the conditions they were decided on
   * @return the result to come; cancelling it does not undo the append
   * @throws IllegalArgumentException if an event cannot be stored; the message says which and why
   */
  CompletableFuture<AppendResult> appendAsync(Append append);

  /**
   * Appends to the end of one stream without waiting for the response.
   *
   * @param stream where to append
   * @param expected the version this was decided on
   * @param events domain objects or {@link NewEvent}s, at least one, in order
   * @return the result to come; cancelling it does not undo the append
   * @throws IllegalArgumentException if an event cannot be stored; the message says which and why
   * @see #appendAsync(Append)
   */
  default CompletableFuture<AppendResult> appendAsync(
      StreamId stream, ExpectedVersion expected, List<?> events) {
    return appendAsync(Append.to(stream, expected, events));
  }

  /**
   * The position up to which the global order is settled: every event at or below it is visible to
   * every reader from now on, and none can ever appear there any more. It never goes back, unless
   * the database itself lost committed transactions.
   *
   * @return the high-water mark, observed by this call
   */
  Position highWaterMark();

  /**
   * Reads settled events in the global order.
   *
   * <p>Reading page after page, each from the {@link EventPage#upTo()} of the one before, returns
   * every matching event once and in order, whatever is appended meanwhile.
   *
   * @param query which events
   * @param after where to start, exclusive
   * @param limit the most events to return, 1 or more
   * @return a page, empty if no matching event was settled within its reach: {@link
   *     EventPage#isLast()} says whether to continue
   */
  EventPage readPage(EventQuery query, Position after, int limit);

  /**
   * Reads settled events of every kind in the global order.
   *
   * @param after where to start, exclusive
   * @param limit the most events to return, 1 or more
   * @return a page
   */
  default EventPage readPage(Position after, int limit) {
    return readPage(EventQuery.all(), after, limit);
  }

  /**
   * Reads settled events in the global order while they are consumed, so that a log of any length
   * fits into the heap: no more than 500 of them are held at a time.
   *
   * <p>Nothing is read before the first event is requested. Then the events are read in {@linkplain
   * #readPage pages}, until a page has reached the high-water mark; events that are settled
   * meanwhile are included. No connection and no transaction is held between two pages, so there is
   * nothing to close, and a caller that stops early leaves nothing behind.
   *
   * <p>Making the result {@linkplain Stream#parallel() parallel} has no effect. If a page cannot be
   * read, the operation that consumes the stream throws what {@code readPage} throws; to continue,
   * read again from after the last event that was returned.
   *
   * @param query which events
   * @param after where to start, exclusive
   * @return those events, to be consumed once
   */
  default Stream<RecordedEvent> readLazily(EventQuery query, Position after) {
    return StreamSupport.stream(new LogPages(this, query, after), false);
  }

  /**
   * Appends and reads within a transaction that the caller has begun and will end. Nothing is
   * committed, rolled back or closed here, and what is appended becomes visible to others when the
   * caller commits.
   *
   * <p>Until then it holds back the high-water mark, so subscriptions see no event that was
   * appended later: keep such transactions short. A conflict writes nothing and leaves the
   * transaction usable.
   *
   * <p>Under READ COMMITTED an append sees every version committed before it. Under REPEATABLE READ
   * and SERIALIZABLE expectations are right as well, but an append that loses to a transaction
   * committed after this one's snapshot fails with a serialization error (SQLSTATE 40001), wrapped
   * in an {@link EventStoreException}, instead of a conflict: roll back and run the transaction
   * again.
   *
   * @param connection with auto-commit off; used by one thread at a time
   * @return append and read in that transaction; valid until the connection is closed
   * @throws IllegalArgumentException if the connection is in auto-commit mode
   */
  EventStreams within(Connection connection);

  /**
   * Stops what runs for this store: subscriptions, observers, connections it opened. A data source
   * given by the caller stays open. Closing twice does nothing.
   *
   * <p>Accepted appends are first sent and completed, for at most 11 seconds. After that, appends
   * that were not sent are refused, and appends without a response from the database have an
   * unknown outcome. Actions that depend on a future may take 10 seconds more.
   *
   * <p>Then it waits for the batches that are being handled, unless called from a handler, a
   * listener or an action that depends on a future.
   */
  @Override
  void close();
}
