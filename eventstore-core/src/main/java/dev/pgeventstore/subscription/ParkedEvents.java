package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.util.List;

/**
 * The events that a subscription has set aside, on whatever node. A stream with a parked event is
 * parked: its later events are set aside too, so that their order is kept, until none is left.
 *
 * <p>Safe for many threads. Every method asks the database and throws {@link
 * dev.pgeventstore.EventStoreException} if it cannot be reached.
 */
public interface ParkedEvents {

  /**
   * How many there are.
   *
   * @return 0 or more
   */
  long count();

  /**
   * The parked events with the lowest positions.
   *
   * @param limit the most to return, 1 or more
   * @return in position order
   */
  List<ParkedEvent> list(int limit);

  /**
   * Handles the parked events of all streams again: {@link #replay(StreamId)} for each.
   *
   * @return the result
   * @throws dev.pgeventstore.UndecodableEventException if a first event of a stream cannot be
   *     decoded on this node; all other streams were replayed before
   */
  Replay replay();

  /**
   * Handles the parked events of a stream again, in order, until one fails or none is left; then
   * the stream is no longer parked. Each is handled in a transaction of its own in which it also
   * stops being parked, so what the handler writes there happens exactly once, also when several
   * nodes replay at the same time.
   *
   * <p>The handler is called by the calling thread, possibly at the same time as by the
   * subscription's threads for other streams. If that thread is interrupted, or the handler leaves
   * an interrupt behind, the replay ends after the event that is being handled, and the thread
   * stays interrupted.
   *
   * @param stream one with parked events; if there are none, nothing is done
   * @return the result
   * @throws dev.pgeventstore.UndecodableEventException if the next event of the stream cannot be
   *     decoded on this node; this does not count as an attempt, and the event stays parked as it
   *     was: replay it on a node that can decode it
   */
  Replay replay(StreamId stream);

  /**
   * Discards one event: it will not be handled by this subscription. That is recorded, with the
   * reason, the time and the role that had logged in.
   *
   * @param position of a parked event
   * @param reason why, for a later investigation
   * @return false if no event of that position is parked
   * @throws IllegalArgumentException if the reason is blank, or has a NUL character or half a
   *     surrogate pair
   */
  boolean discard(Position position, String reason);

  /** The result of a replay. */
  interface Replay {

    /**
     * How many events were handled.
     *
     * @return 0 or more
     */
    int handled();

    /**
     * The events that failed again.
     *
     * @return one for each stream that is still parked because of it
     */
    List<ParkedEvent> failed();
  }
}
