package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.feed.FeedReader;
import dev.pgeventstore.feed.HistoryChangedException;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** Follows the mark page by page. While one page is being handled the next is being read. */
final class PrefetchingReader implements FeedReader {

  private final HighWaterMark highWaterMark;
  private final SettledPageReader pages;
  private final ExecutorService executor;

  private long after;
  private String incarnation = "";
  private @Nullable Prefetched prefetched;

  PrefetchingReader(
      HighWaterMark highWaterMark, SettledPageReader pages, ExecutorService executor, long after) {
    this.highWaterMark = highWaterMark;
    this.pages = pages;
    this.executor = executor;
    this.after = after;
  }

  @Override
  public EventPage next(int limit, Duration maxWait) throws InterruptedException {
    try {
      EventPage page = takePrefetched(limit);
      if (page == null) {
        Mark mark = awaitMark(maxWait);
        page =
            mark.position() > after
                ? pages.read(after, mark, limit)
                : new EventPage(List.of(), Position.of(after), Position.of(mark.position()));
      }
      prefetch(page.upTo().value(), limit);
      // Last, so that a page that could not be given out is read again.
      after = page.upTo().value();
      return page;
    } catch (SQLException e) {
      throw SqlErrors.of("the settled events after position " + after + " cannot be read", e);
    }
  }

  private Mark awaitMark(Duration maxWait) throws SQLException, InterruptedException {
    if (incarnation.isEmpty()) {
      // Adopted by observing, so that a mark of an earlier life is not taken for the present one's.
      Mark observed = highWaterMark.observe();
      incarnation = observed.incarnation();
    }
    Mark mark = highWaterMark.await(after, incarnation, maxWait);
    requireSameLife(mark);
    return mark;
  }

  private void requireSameLife(Mark mark) {
    if (!mark.incarnation().equals(incarnation)) {
      throw new HistoryChangedException(
          "the server crashed, restarted or was replaced: load your position afresh");
    }
  }

  private void prefetch(long from, int limit) {
    Mark mark = highWaterMark.last();
    if (mark.position() > from && mark.incarnation().equals(incarnation)) {
      prefetched = new Prefetched(limit, executor.submit(() -> pages.read(from, mark, limit)));
    }
  }

  private @Nullable EventPage takePrefetched(int limit) throws SQLException, InterruptedException {
    Prefetched taken = prefetched;
    prefetched = null;
    if (taken == null || taken.limit != limit) {
      return null;
    }
    try {
      return taken.page.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SQLException sql) {
        throw sql;
      }
      if (e.getCause() instanceof RuntimeException runtime) {
        throw runtime;
      }
      throw new EventStoreException("reading ahead failed", e.getCause());
    }
  }

  /** The life of the server that all pages so far were read in. */
  String incarnation() {
    return incarnation;
  }

  @Override
  public void close() {
    Prefetched unused = prefetched;
    prefetched = null;
    if (unused != null) {
      // Not interrupted: a connection in the middle of an answer would be lost to its pool.
      unused.page.cancel(false);
    }
  }

  private record Prefetched(int limit, Future<EventPage> page) {}
}
