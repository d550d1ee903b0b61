package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.feed.EventFeed.Durability;
import dev.pgeventstore.feed.HistoryChangedException;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable.SettledPages;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/** Reads pages below a mark, in the life of the server that the mark was observed in. */
final class SettledPageReader {

  /**
   * How many positions one statement looks through. The limit alone would not do: what a filter
   * lets through may be rare, and a statement that looks through millions of rows says nothing of
   * how far it has come.
   */
  private static final long WINDOW = 20_000;

  /** Where only the rows of some categories are looked through, of which most logs have several. */
  private static final long CATEGORY_WINDOW = 16 * WINDOW;

  private final Connections connections;
  private final SettledPages pages;
  private final FenceFunction fence;
  private final Durability durability;

  SettledPageReader(
      Connections connections, SettledPages pages, FenceFunction fence, Durability durability) {
    this.connections = connections;
    this.pages = pages;
    this.fence = fence;
    this.durability = durability;
  }

  /** Reads the page behind a position. It reaches the mark, or as far as a limit allows. */
  SettledPage read(long after, Mark mark, int limit, long now) throws SQLException {
    long to = reach(after, mark.position(), limit);
    List<RecordedEvent> events = connections.use(c -> read(c, after, to, mark, limit));
    long upTo = events.size() == limit ? events.get(limit - 1).position().value() : to;
    return new SettledPage(after, upTo, events, mark, now);
  }

  private long reach(long after, long mark, int limit) {
    long window =
        switch (pages.access()) {
          case BY_POSITION -> WINDOW;
          case FILTERED_CATEGORY -> CATEGORY_WINDOW;
          // Every row that is looked at is wanted, so the limit is enough.
          case CATEGORY -> mark;
        };
    return Math.min(mark, after + Math.max(window, limit));
  }

  private List<RecordedEvent> read(Connection connection, long after, long to, Mark mark, int limit)
      throws SQLException {
    List<RecordedEvent> events = pages.read(connection, after, to, mark.incarnation(), limit);
    if (events.isEmpty() && !fence.incarnation(connection).equals(mark.incarnation())) {
      throw new HistoryChangedException(
          "the server crashed, restarted or was replaced: positions may have been handed out again");
    }
    if (durability == Durability.FLUSHED) {
      ServerFunctions.flush(connection);
    }
    return events;
  }
}
