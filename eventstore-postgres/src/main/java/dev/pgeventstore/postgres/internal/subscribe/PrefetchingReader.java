package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.subscribe.SharedPages.Source;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Follows the mark page by page. While one page is being handled the next is being read. Pages are
 * shared with the other readers of the store: with those of the same query always, and near the
 * mark with those of other queries too, if there are any. Then all events are read once, and each
 * reader picks its own.
 */
public final class PrefetchingReader implements FeedReader {

  /** So near the mark that what other queries leave out is worth reading once for all. */
  private static final int NEAR = 1_000;

  private final Scheduler scheduler;
  private final HighWaterMark highWaterMark;
  private final EventQuery query;
  private final Source own;
  private final Source everything;

  /** Whether what lies below a mark is durable only if a page was read below it. */
  private final boolean flushed;

  /** The mark that was handed out last. */
  private long known;

  private long after;
  private String incarnation = "";
  private boolean near;
  private boolean closed;
  private @Nullable Future<SettledPage> ahead;

  PrefetchingReader(
      Scheduler scheduler,
      HighWaterMark highWaterMark,
      SharedPages pages,
      EventQuery query,
      Durability durability,
      long after) {
    this.scheduler = scheduler;
    this.highWaterMark = highWaterMark;
    this.query = query;
    this.own = pages.open(query, durability);
    this.everything = pages.open(EventQuery.all(), durability);
    this.flushed = durability == Durability.FLUSHED;
    this.after = after;
  }

  @Override
  public EventPage next(int limit, Duration maxWait) throws InterruptedException {
    try {
      Mark mark = awaitMark(maxWait);
      if (mark.position() <= after) {
        return EventPage.of(List.of(), Position.of(after), Position.of(mark.position()));
      }
      EventPage page = isShared(mark) ? pick(mark, limit) : read(mark, limit);
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

  /** Whether to read all events with the readers of other queries. */
  private boolean isShared(Mark mark) {
    boolean nowNear = mark.position() - after <= NEAR;
    if (nowNear != near) {
      near = nowNear;
      own.live(nowNear);
    }
    return near && own != everything && own.othersAreLive();
  }

  private EventPage pick(Mark mark, int limit) throws SQLException, InterruptedException {
    ahead = null;
    SettledPage first = await(everything, mark, NEAR);
    return page(everything.run(first, NEAR), mark, limit, false);
  }

  private EventPage read(Mark mark, int limit) throws SQLException, InterruptedException {
    SettledPage first = takeAhead();
    if (first == null) {
      first = await(own, mark, limit);
    }
    List<SettledPage> run = own.run(first, limit);
    EventPage page = page(run, mark, limit, true);
    SettledPage last = run.get(run.size() - 1);
    if (last.isCut() && page.upTo().value() == last.upTo()) {
      readAhead(last.upTo(), limit);
    }
    return page;
  }

  private void readAhead(long from, int limit) {
    Mark newest = highWaterMark.last();
    if (newest.position() > from && newest.incarnation().equals(incarnation)) {
      ahead = own.page(from, newest, limit);
    }
  }

  private @Nullable SettledPage takeAhead() throws SQLException, InterruptedException {
    Future<SettledPage> taken = ahead;
    ahead = null;
    if (taken == null) {
      return null;
    }
    // One that is still being read is as fresh as one that would be read now.
    boolean isDone = taken.isDone();
    SettledPage page = await(taken);
    boolean usable = isDone ? own.isUsable(page, after, incarnation) : page.reachesBeyond(after);
    return usable ? page : null;
  }

  private SettledPage await(Source source, Mark mark, int limit)
      throws SQLException, InterruptedException {
    SettledPage page;
    do {
      page = await(source.page(after, mark, limit));
      // Large events may have ended the page that another reader was reading before this place.
    } while (!page.reachesBeyond(after));
    return page;
  }

  private SettledPage await(Future<SettledPage> page) throws SQLException, InterruptedException {
    try {
      return scheduler.await(page);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SQLException sql) {
        throw sql;
      }
      if (e.getCause() instanceof RuntimeException runtime) {
        throw runtime;
      }
      throw new EventStoreException("reading a page failed", e.getCause());
    }
  }

  /** What this reader wants of some pages, behind the place where it is. */
  private EventPage page(List<SettledPage> run, Mark mark, int limit, boolean allMatch) {
    List<RecordedEvent> events = new ArrayList<>();
    long taken = after;
    if (!flushed) {
      known = mark.position();
    }
    taking:
    for (SettledPage page : run) {
      requireGoesOn(page, taken);
      // A page that another reader was quicker to read may have been read below a newer mark.
      known = Math.max(known, page.mark().position());
      for (RecordedEvent event : page.events()) {
        if (event.position().value() > taken && (allMatch || query.matches(event))) {
          if (events.size() == limit) {
            taken = events.get(limit - 1).position().value();
            break taking;
          }
          events.add(event);
        }
      }
      taken = page.upTo();
    }
    return EventPage.of(List.copyOf(events), Position.of(taken), Position.of(known));
  }

  /** Behind what has been taken, not behind the place where reading began. */
  private void requireGoesOn(SettledPage page, long taken) {
    if (!page.reachesBeyond(taken) || !page.mark().incarnation().equals(incarnation)) {
      throw new InvariantBrokenException(
          ("a reader of %s, opened in incarnation %s, has taken all up to position %d, and was"
                  + " given a page from position %d to %d of incarnation %s. Nothing of it was"
                  + " handed out.")
              .formatted(
                  query, incarnation, taken, page.from(), page.upTo(), page.mark().incarnation()));
    }
  }

  @Override
  public String life() {
    return incarnation;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    ahead = null;
    if (near) {
      own.live(false);
    }
    own.close();
    everything.close();
  }
}
