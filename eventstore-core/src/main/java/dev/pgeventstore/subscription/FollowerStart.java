package dev.pgeventstore.subscription;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.EventFeed;

/** Where a follower starts, and in which incarnation of the server that place was found. */
final class FollowerStart {

  private final EventFeed feed;
  private final Follower.Load load;
  private final boolean again;

  FollowerStart(EventFeed feed, Follower.Load load, boolean again) {
    this.feed = feed;
    this.load = load;
    this.again = again;
  }

  /** Whether it can be found afresh. */
  boolean loadsAgain() {
    return again;
  }

  Place load() {
    // First: what is loaded must not be older than the incarnation it is used for.
    String incarnation = feed.incarnation();
    Position position = position();
    Position mark = highWaterMark();
    if (position.isAfter(mark)) {
      throw new IllegalArgumentException(
          "start %s lies beyond the high-water mark %s: events may still appear below it"
              .formatted(position, mark));
    }
    return new Place(position, mark, incarnation);
  }

  private Position position() {
    try {
      return load.load();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      throw new EventStoreException("loading the start of a follower failed", e);
    }
  }

  /** An interrupt that loading has left behind must reach the caller, not the database call. */
  private Position highWaterMark() {
    boolean interrupted = Thread.interrupted();
    try {
      return feed.highWaterMark();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Requires that the server is still in the incarnation in which a place was found. */
  void requireIncarnationOf(Place place) {
    if (!feed.incarnation().equals(place.incarnation)) {
      throw new HistoryChangedException(
          "the server crashed, restarted or was replaced since position %s was read: load it afresh"
              .formatted(place.position));
    }
  }

  /**
   * A place in a history.
   *
   * @param position where to start, exclusive
   * @param highWaterMark observed after that was read
   * @param incarnation of the server
   */
  record Place(Position position, Position highWaterMark, String incarnation) {}
}
