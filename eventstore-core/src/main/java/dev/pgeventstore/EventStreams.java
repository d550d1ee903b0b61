package dev.pgeventstore;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Appends events to streams and reads them back.
 *
 * <p>A stream is the history of one thing, such as one order. Its events are numbered 1, 2, 3 and
 * so on without gaps. The last number is the stream's version; an unknown stream is at version 0.
 */
public interface EventStreams {

  /**
   * Appends events to one or several streams: all of them, or none.
   *
   * <p>Everything that can be checked without the database is checked before anything is sent.
   *
   * <p>A retry is recognised by the ids of its events, and returns the result of the first attempt.
   * What is recognised depends on the expected version of each stream:
   *
   * <ul>
   *   <li>{@link ExpectedVersion#noStream() no stream} or {@link ExpectedVersion#exactly an exact
   *       version}: ids are looked for at the place after that version, once it is taken. So an
   *       append that expects the same version again is recognised, even if the stream has grown
   *       since. One that expects another version is not: if the stream is at that version, the
   *       events are written once more.
   *   <li>{@link ExpectedVersion#any() Any version} or {@link ExpectedVersion#streamExists() an
   *       existing stream}: ids are looked for in the whole stream, if they are the caller's
   *       ({@link NewEvent#withId}) or the {@link NewEvent}s, or copies of them with other
   *       metadata, have been sent before, as they have when the same {@link Append} is sent again.
   *       Otherwise nothing is looked for.
   * </ul>
   *
   * <p>Domain objects that are passed again get new ids, so they are not recognised. Beyond this,
   * the store does not check that ids are unique.
   *
   * @param append the events, and the conditions they were decided on
   * @return the new versions and the last position
   * @throws IllegalArgumentException if an event or a message cannot be stored; the text says which
   *     and why
   * @throws ConflictException if another writer was faster; nothing was written, so read again,
   *     decide again, and retry
   * @throws EventIdReusedException if some of the ids are found, but this is not a retry: with
   *     other content, in another order, or without the other streams
   * @throws TombstonedException if a stream that it writes to or checks is gone for good
   * @throws OutcomeUnknownException if the response was lost; send the same append again
   */
  AppendResult append(Append append);

  /**
   * Appends events to the end of one stream: all of them, or none.
   *
   * @param stream where to append
   * @param expected the version this was decided on
   * @param events domain objects or {@link NewEvent}s, at least one, in order
   * @return the new version and the last position
   * @throws IllegalArgumentException if an event cannot be stored; the message says which and why
   * @throws ConflictException if another writer was faster; nothing was written, so read the stream
   *     again, decide again, and retry
   * @throws EventIdReusedException if some of the ids are found, but this is not a retry: with
   *     other content or in another order
   * @throws TombstonedException if the stream is gone for good
   * @throws OutcomeUnknownException if the response was lost. To be able to send the same events
   *     again, pass {@link NewEvent}s: domain objects get new ids each time
   */
  default AppendResult append(StreamId stream, ExpectedVersion expected, List<?> events) {
    return append(Append.to(stream, expected, events));
  }

  /**
   * Reads a whole stream, oldest event first.
   *
   * @param stream what to read
   * @return its events; empty for an unknown stream
   */
  default List<RecordedEvent> read(StreamId stream) {
    return read(stream, StreamRange.forwards());
  }

  /**
   * Reads a part of a stream. Events that were truncated are not among them, nor any of a
   * tombstoned stream; erased ones are, see {@link RecordedEvent#isErased()}.
   *
   * @param stream what to read
   * @param range which events, and in which direction
   * @return those events; empty for an unknown stream
   */
  List<RecordedEvent> read(StreamId stream, StreamRange range);

  /**
   * Reads a whole stream while it is consumed, oldest event first.
   *
   * @param stream what to read
   * @return its events, to be consumed once, see {@link #readLazily(StreamId, StreamRange)}; empty
   *     for an unknown stream
   */
  default Stream<RecordedEvent> readLazily(StreamId stream) {
    return readLazily(stream, StreamRange.forwards());
  }

  /**
   * Reads a part of a stream while it is consumed, so that a stream of any length fits into the
   * heap: no more than 500 of its events are held at a time.
   *
   * <p>Nothing is read before the first event is requested. Then the events are read in slices,
   * each of which is a {@link #read(StreamId, StreamRange) read} of its own that begins after the
   * last event of the one before. No connection and no transaction is held between two slices, so
   * there is nothing to close, a caller that stops early leaves nothing behind, and any pooler may
   * be used.
   *
   * <p>The result has no gaps and no repetitions, and has every event that was there at the
   * beginning, whatever is appended meanwhile. Events appended meanwhile may be included if it
   * reads forwards, and are not if it reads backwards; {@link StreamRange#upTo} sets where to end.
   *
   * <p>Making the result {@linkplain Stream#parallel() parallel} has no effect. If a slice cannot
   * be read, the operation that consumes the stream throws what {@code read} throws; to continue,
   * read again from after the last event that was returned.
   *
   * @param stream what to read
   * @param range which events, and in which direction
   * @return those events, to be consumed once; empty for an unknown stream
   */
  default Stream<RecordedEvent> readLazily(StreamId stream, StreamRange range) {
    return StreamSupport.stream(new StreamSlices(this, stream, range), false);
  }

  /**
   * Finds what these streams can do beyond this interface. The other parts of this library use it
   * to get what they need: {@link Outbox#of}, subscriptions, projections, snapshots and relays.
   *
   * <p>A wrapper of a store delegates this method: {@code return wrapped.unwrap(type)}. Then all of
   * them work with the wrapper.
   *
   * @param <T> an interface, or the class of a store
   * @param type of what is asked for
   * @return empty if these streams have no such thing
   */
  <T> Optional<T> unwrap(Class<T> type);
}
