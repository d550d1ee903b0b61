package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import java.sql.SQLException;

/**
 * The high-water mark as it is handed out: no crash of the server takes back what lies below it,
 * nor draws one of those positions again. Positions of transactions that were rolled back, or
 * committed asynchronously, would be. Safe for many threads.
 *
 * <p>Subscriptions need no such mark: their checkpoints commit in the incarnation that the mark is
 * of, later in the log than what it rests on, so no crash keeps the one without the other.
 */
final class DurableMark {

  private final HighWaterMark highWaterMark;
  private final Connections connections;

  DurableMark(HighWaterMark highWaterMark, Connections connections) {
    this.highWaterMark = highWaterMark;
    this.connections = connections;
  }

  /** Observes now. Everything that was visible before is durable too. */
  Mark observe() throws SQLException {
    Mark mark = highWaterMark.observe();
    if (mark.unflushedTo() > 0) {
      connections.use(
          connection -> {
            ServerFunctions.flushLocally(connection, mark.unflushedTo());
            return mark;
          });
    }
    return mark;
  }
}
