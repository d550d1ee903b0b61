package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.subscription.Start;
import java.sql.SQLException;
import java.time.Instant;

/** Finds the position after which a subscription starts that has no checkpoint. */
final class StartPosition {

  private static final Instant EARLIEST = Instant.parse("0001-01-01T00:00:00Z");
  private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59Z");

  private final Connections connections;
  private final EventsTable events;
  private final DurableMark durableMark;

  StartPosition(Connections connections, EventsTable events, DurableMark durableMark) {
    this.connections = connections;
    this.events = events;
    this.durableMark = durableMark;
  }

  /**
   * Finds it.
   *
   * @throws IllegalArgumentException if the start lies beyond the mark
   */
  long of(Start start) throws SQLException {
    if (start.position().filter(Position.START::equals).isPresent()) {
      return 0;
    }
    // Durable: it is stored without the incarnation that it was observed in.
    long mark = durableMark.observe().position();
    if (start.time().isPresent()) {
      Instant time = within(start.time().get());
      // What becomes visible later lies above the mark, so whatever its time, it is not missed.
      return connections.use(
          connection -> events.firstSince(connection, time, mark).orElse(mark + 1) - 1);
    }
    long position = start.position().map(Position::value).orElse(mark);
    if (position > mark) {
      throw new IllegalArgumentException(
          "start %d lies beyond the high-water mark %d: events may still appear below it"
              .formatted(position, mark));
    }
    return position;
  }

  /** PostgreSQL knows fewer years than an instant has, and no event has a time outside of these. */
  private static Instant within(Instant time) {
    return time.isBefore(EARLIEST) ? EARLIEST : time.isAfter(LATEST) ? LATEST : time;
  }
}
