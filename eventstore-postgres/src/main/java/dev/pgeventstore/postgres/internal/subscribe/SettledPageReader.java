package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.EventsTable.Beginning;
import dev.pgeventstore.postgres.internal.tables.EventsTable.SettledPages;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.spi.EventFeed.Durability;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Reads pages below a mark, in the incarnation of the server that the mark was observed in. */
final class SettledPageReader {

  /**
   * How many positions one statement looks through. The limit alone would not do: what a filter
   * lets through may be rare, and a statement that looks through millions of rows says nothing of
   * how far it has come.
   */
  private static final long WINDOW = 20_000;

  /** Where only the rows of some categories are looked through, of which most logs have several. */
  private static final long CATEGORY_WINDOW = 16 * WINDOW;

  /** What a page brings to the heap, and one event more. */
  private static final long MOST_BYTES = 1 << 20;

  /** With so many events a page of large ones begins; with more, as far as they fit. */
  private static final int FEW = 16;

  private static final int MOST_CAREFUL = 1 << 20;

  private static final int LOOKS_FOR_FLUSH = 5;
  private static final long BETWEEN_LOOKS_NANOS = TimeUnit.MICROSECONDS.toNanos(500);

  private final Scheduler scheduler;
  private final Connections connections;
  private final SettledPages pages;
  private final FenceFunction fence;
  private final Durability durability;

  /**
   * How many events to look at while there are large ones among them; 0 while there are none. If
   * two threads read at a time either is right.
   */
  private volatile int careful;

  SettledPageReader(
      Scheduler scheduler,
      Connections connections,
      SettledPages pages,
      FenceFunction fence,
      Durability durability) {
    this.scheduler = scheduler;
    this.connections = connections;
    this.pages = pages;
    this.fence = fence;
    this.durability = durability;
  }

  /** Reads the page behind a position. It reaches the mark, or as far as a limit allows. */
  SettledPage read(long after, Mark mark, int limit, long now) throws SQLException {
    long to = reach(after, mark.position(), limit);
    return connections.use(
        connection -> {
          List<RecordedEvent> events = pages.read(connection, after, to, mark.incarnation(), limit);
          Beginning page = new Beginning(events, events.size() == limit);
          return settled(connection, page, after, to, mark, now);
        });
  }

  /** The same, but it ends where it takes too many bytes, behind one event at least. */
  SettledPage readBounded(long after, Mark mark, int limit, long now) throws SQLException {
    long to = reach(after, mark.position(), limit);
    return connections.use(
        connection -> {
          Beginning page = bounded(connection, after, to, mark.incarnation(), limit);
          return settled(connection, page, after, to, mark, now);
        });
  }

  private Beginning bounded(
      Connection connection, long after, long to, String incarnation, int limit)
      throws SQLException {
    if (careful == 0) {
      Beginning small = pages.readSmallOnes(connection, after, to, incarnation, limit);
      if (small.isCut()) {
        careful = FEW;
      }
      if (!small.isCut() || !small.events().isEmpty()) {
        return new Beginning(small.events(), small.isCut() || small.events().size() == limit);
      }
    }
    int few = Math.min(limit, Math.max(1, careful));
    Beginning within = pages.readWithin(connection, after, to, incarnation, few, MOST_BYTES);
    int count = within.events().size();
    if (within.isCut()) {
      careful = 2 * count;
    } else {
      boolean anyLarge = within.events().stream().anyMatch(EventsTable::isLarge);
      careful = anyLarge ? Math.min(2 * few, MOST_CAREFUL) : 0;
    }
    return new Beginning(within.events(), within.isCut() || count == few);
  }

  private SettledPage settled(
      Connection connection, Beginning page, long after, long to, Mark mark, long now)
      throws SQLException {
    List<RecordedEvent> events = page.events();
    if (events.isEmpty() && !fence.incarnation(connection).equals(mark.incarnation())) {
      throw new HistoryChangedException(
          "the server crashed, restarted or was replaced: positions may have been handed out again");
    }
    requireVersions(events, mark);
    if (durability == Durability.FLUSHED && mark.unflushedTo() > 0) {
      awaitFlush(connection, mark.unflushedTo());
    }
    long upTo = page.isCut() ? events.get(events.size() - 1).position().value() : to;
    return new SettledPage(after, upTo, events, mark, now);
  }

  /**
   * Synchronous commits that are on their way flush the log within a moment. Only where there are
   * none the log is flushed for this page, which costs the server a commit.
   */
  private void awaitFlush(Connection connection, long upTo) throws SQLException {
    try {
      for (int look = 0; look < LOOKS_FOR_FLUSH; look++) {
        if (ServerFunctions.isFlushed(connection, upTo)) {
          return;
        }
        scheduler.sleep(BETWEEN_LOOKS_NANOS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    ServerFunctions.flush(connection, upTo);
  }

  /**
   * Versions of a stream rise with the positions. What is hidden of a stream is its beginning, and
   * this is one statement, so none is missing between two of them.
   */
  private void requireVersions(List<RecordedEvent> events, Mark mark) {
    Map<StreamId, Long> versions = new HashMap<>();
    for (RecordedEvent event : events) {
      Long before = versions.put(event.stream(), event.version());
      if (before != null
          && (event.version() <= before
              || (pages.wantsWholeStreams() && event.version() > before + 1))) {
        throw new InvariantBrokenException(
            ("the log has version %d of stream %s at position %s behind version %d, below mark %d of"
                    + " incarnation %s. Nothing of the page was handed out.")
                .formatted(
                    event.version(),
                    event.stream(),
                    event.position(),
                    before,
                    mark.position(),
                    mark.incarnation()));
      }
    }
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
}
