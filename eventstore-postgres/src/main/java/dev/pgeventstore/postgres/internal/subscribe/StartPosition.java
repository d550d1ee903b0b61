package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.subscription.Start;
import java.sql.SQLException;

/** Finds the position after which a subscription starts that has no checkpoint. */
final class StartPosition {

  private final Connections connections;
  private final EventsTable events;
  private final HighWaterMark highWaterMark;

  StartPosition(Connections connections, EventsTable events, HighWaterMark highWaterMark) {
    this.connections = connections;
    this.events = events;
    this.highWaterMark = highWaterMark;
  }

  /**
   * Finds it.
   *
   * @throws IllegalArgumentException if the start lies beyond the mark
   */
  long of(Start start) throws SQLException {
    if (start instanceof Start.After after && after.position().equals(Position.START)) {
      return 0;
    }
    long mark = highWaterMark.observe().position();
    if (start instanceof Start.At at) {
      // What becomes visible later lies above the mark, so whatever its time, it is not missed.
      return connections.use(
          connection -> events.firstSince(connection, at.time(), mark).orElse(mark + 1) - 1);
    }
    if (start instanceof Start.After after) {
      if (after.position().value() > mark) {
        throw new IllegalArgumentException(
            "start %s lies beyond the high-water mark %d: events may still appear below it"
                .formatted(after.position(), mark));
      }
      return after.position().value();
    }
    return mark;
  }
}
