package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.OutboxTable;
import dev.pgeventstore.postgres.internal.tables.OutboxTable.LaneOf;
import java.sql.SQLException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Deletes published messages, and remembers up to where: what was deleted and is not vacuumed yet,
 * because some old transaction might still want to see it, need not be passed again by every
 * deletion. Safe for many threads.
 */
final class MessageDeletions {

  /**
   * Each so often it begins at the beginning: after a fail-over that lost commits there may be
   * messages at positions that were passed before.
   */
  private static final int FROM_THE_BEGINNING_EVERY = 1_000;

  private final Connections connections;
  private final OutboxTable outbox;
  private final Map<Of, Reached> reached = new ConcurrentHashMap<>();

  MessageDeletions(Connections connections, OutboxTable outbox) {
    this.connections = connections;
    this.outbox = outbox;
  }

  void upTo(String relay, LaneOf lane, long upTo) throws SQLException {
    Of of = new Of(relay, lane);
    Reached before = reached.getOrDefault(of, Reached.NOTHING);
    long after = before.times % FROM_THE_BEGINNING_EVERY == 0 ? 0 : before.position;
    if (upTo > after) {
      connections.use(c -> outbox.delete(c, relay, lane, after, upTo));
      reached.put(of, new Reached(Math.max(upTo, before.position), before.times + 1));
    }
  }

  private record Of(String relay, LaneOf lane) {}

  private record Reached(long position, long times) {

    static final Reached NOTHING = new Reached(0, 0);
  }
}
