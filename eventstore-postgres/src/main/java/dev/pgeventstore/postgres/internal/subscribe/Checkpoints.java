package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.SubscriptionSpec;
import java.sql.SQLException;
import java.util.OptionalLong;

/** Where subscriptions have come to. */
final class Checkpoints {

  private final Connections connections;
  private final SubscriptionsTable table;
  private final HighWaterMark highWaterMark;

  Checkpoints(Connections connections, SubscriptionsTable table, HighWaterMark highWaterMark) {
    this.connections = connections;
    this.table = table;
    this.highWaterMark = highWaterMark;
  }

  static SubscriptionsTable.Key key(SubscriptionSpec spec) {
    return new SubscriptionsTable.Key(spec.name(), 0);
  }

  /**
   * The position to go on from: the checkpoint, or the start if there is none yet.
   *
   * @throws IllegalArgumentException if the start lies beyond the mark
   */
  long loadOrCreate(SubscriptionSpec spec) throws SQLException {
    OptionalLong stored = load(spec);
    if (stored.isPresent()) {
      return stored.getAsLong();
    }
    long start = start(spec.start());
    return connections.use(
        connection -> {
          table.create(connection, key(spec), start);
          // Another process may have been faster; then its start is the start.
          return table.checkpoint(connection, key(spec)).orElse(start);
        });
  }

  private OptionalLong load(SubscriptionSpec spec) throws SQLException {
    return connections.use(connection -> table.checkpoint(connection, key(spec)));
  }

  private long start(Start start) throws SQLException {
    if (start instanceof Start.After after && after.position().equals(Position.START)) {
      return 0;
    }
    if (start instanceof Start.At at) {
      throw new UnsupportedOperationException("not there yet: " + at);
    }
    long mark = highWaterMark.observe().position();
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

  SubscriptionsTable table() {
    return table;
  }
}
