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
import dev.pgeventstore.postgres.internal.fence.Watch;
import dev.pgeventstore.postgres.internal.subscribe.SharedPages.Source;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Follows the mark page by page. While one page is being handled the next is being read. Pages are
 * shared with the other readers of the store: with those of the same query always, and near the
 * mark with those of other queries too, if there are any. Then all events are read once, and each
 * reader picks its own.
 *
 * <p>It is longer than other classes because a reader is used in two ways, by a thread that waits
 * and by a lane that holds no thread, over the same state.
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

  private final Watch watch;

  private final Waking waking;

  /** The mark that was handed out last. */
  private long known;

  private long after;
  private String incarnation = "";
  private boolean near;
  private boolean closed;

  /** The page behind the last one, read beforehand. */
  private @Nullable CompletableFuture<SettledPage> ahead;

  /** The page that is waited for. */
  private @Nullable CompletableFuture<SettledPage> pending;

  /** Whether it is one of those of all events. */
  private boolean pendingIsShared;

  /** Whether the reader is woken by it. */
  private boolean pendingWakes;

  /** Since when it has been there, if the reader was woken. */
  private volatile long pendingSince;

  /** A reader whose caller waits. */
  PrefetchingReader(
      Scheduler scheduler,
      HighWaterMark highWaterMark,
      SharedPages pages,
      EventQuery query,
      Durability durability,
      long after) {
    this(scheduler, highWaterMark, pages, query, durability, after, Waking.NOBODY);
  }

  /** A reader whose caller polls. */
  PrefetchingReader(
      Scheduler scheduler,
      HighWaterMark highWaterMark,
      SharedPages pages,
      EventQuery query,
      Durability durability,
      long after,
      Waking waking) {
    this.waking = waking;
    this.watch = highWaterMark.watch(waking::mayHaveNews);
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
      if (incarnation.isEmpty()) {
        // By observing, so that a mark of an earlier incarnation is not taken for the present
        // one's.
        incarnation = highWaterMark.observe().incarnation();
      }
      Mark mark = highWaterMark.await(after, incarnation, maxWait);
      requireSameIncarnation(mark);
      if (mark.position() <= after) {
        return nothing(mark);
      }
      EventPage page;
      do {
        Future<SettledPage> asked = ask(mark, limit);
        page = take(await(asked), mark, limit);
      } while (page == null);
      return page;
    } catch (SQLException e) {
      throw unreadable(e);
    } catch (InterruptedException e) {
      pending = null;
      throw e;
    }
  }

  /**
   * Begins to read in the incarnation that the server is in now, which others may have observed.
   */
  void begin() {
    try {
      incarnation = highWaterMark.incarnationSince(scheduler.nanoTime());
    } catch (SQLException e) {
      throw unreadable(e);
    }
  }

  /**
   * The next page, if that needs no waiting. Otherwise the reader is woken when it is worth asking
   * again. For a reader that has begun.
   *
   * @return null if there is none yet
   */
  @Nullable EventPage poll(int limit) throws InterruptedException {
    try {
      Mark mark = highWaterMark.poll(after, incarnation, watch);
      if (mark == null) {
        return null;
      }
      requireSameIncarnation(mark);
      EventPage page;
      do {
        CompletableFuture<SettledPage> asked = ask(mark, limit);
        if (!asked.isDone()) {
          wakeAfter(asked);
          return null;
        }
        boolean old = pendingWakes && scheduler.nanoTime() - pendingSince > SharedPages.KEPT_NANOS;
        page = old ? null : take(await(asked), mark, limit);
        pending = null;
      } while (page == null);
      return page;
    } catch (SQLException e) {
      throw unreadable(e);
    }
  }

  /**
   * An empty page, for a reader that has polled in vain for a while.
   *
   * @return null if there is one to be polled, or on its way
   * @throws EventStoreException if there is none because the mark cannot be observed
   */
  @Nullable EventPage nothing() throws InterruptedException {
    if (pending != null) {
      return null;
    }
    try {
      Mark mark = highWaterMark.await(after, incarnation, Duration.ZERO);
      requireSameIncarnation(mark);
      return mark.position() > after ? null : nothing(mark);
    } catch (SQLException e) {
      throw unreadable(e);
    }
  }

  private EventPage nothing(Mark mark) {
    return EventPage.of(List.of(), Position.of(after), Position.of(mark.position()));
  }

  private EventStoreException unreadable(SQLException e) {
    return SqlErrors.of("the settled events after position " + after + " cannot be read", e);
  }

  private void requireSameIncarnation(Mark mark) {
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

  /** The page that is waited for, or is to be from now on. */
  private CompletableFuture<SettledPage> ask(Mark mark, int limit)
      throws SQLException, InterruptedException {
    CompletableFuture<SettledPage> asked = pending;
    if (asked == null) {
      pendingIsShared = isShared(mark);
      if (pendingIsShared) {
        ahead = null;
        asked = everything.page(after, mark, NEAR);
      } else {
        CompletableFuture<SettledPage> usable = takeAhead();
        asked = usable == null ? own.page(after, mark, limit) : usable;
      }
      pending = asked;
      pendingWakes = false;
    }
    return asked;
  }

  /** The page that was read beforehand, unless it has become old. */
  private @Nullable CompletableFuture<SettledPage> takeAhead()
      throws SQLException, InterruptedException {
    CompletableFuture<SettledPage> taken = ahead;
    ahead = null;
    // One that is still being read is as fresh as one that would be read now.
    boolean usable =
        taken != null && (!taken.isDone() || own.isUsable(await(taken), after, incarnation));
    return usable ? taken : null;
  }

  private void wakeAfter(CompletableFuture<SettledPage> asked) {
    if (!pendingWakes) {
      pendingWakes = true;
      CompletableFuture<SettledPage> unused =
          asked.whenComplete(
              (page, failure) -> {
                pendingSince = scheduler.nanoTime();
                waking.hasPage();
              });
    }
  }

  /** What this reader wants of the page that it has waited for; null if that is read anew. */
  private @Nullable EventPage take(SettledPage first, Mark mark, int limit) {
    pending = null;
    if (!first.reachesBeyond(after)) {
      // Large events have ended the page that another reader was reading before this place.
      return null;
    }
    EventPage page;
    if (pendingIsShared) {
      page = page(everything.run(first, NEAR), mark, limit, false);
    } else {
      List<SettledPage> run = own.run(first, limit);
      page = page(run, mark, limit, true);
      SettledPage last = run.get(run.size() - 1);
      if (last.isCut() && page.upTo().value() == last.upTo()) {
        readAhead(last.upTo(), limit);
      }
    }
    // Last, so that a page that could not be given out is read again.
    after = page.upTo().value();
    return page;
  }

  private void readAhead(long from, int limit) {
    Mark newest = highWaterMark.last();
    if (newest.position() > from && newest.incarnation().equals(incarnation)) {
      ahead = own.page(from, newest, limit);
    }
  }

  private SettledPage await(Future<SettledPage> page) throws SQLException, InterruptedException {
    try {
      return scheduler.await(page);
    } catch (ExecutionException e) {
      pending = null;
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
  public String incarnation() {
    return incarnation;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    watch.cancel();
    ahead = null;
    pending = null;
    if (near) {
      own.live(false);
    }
    own.close();
    everything.close();
  }

  /** Is told when it is worth polling again. Must not block. */
  interface Waking {

    /** For readers that do not poll. */
    Waking NOBODY =
        new Waking() {
          @Override
          public void mayHaveNews() {}

          @Override
          public void hasPage() {}
        };

    /** The mark has moved. Called by the thread that observes it. */
    void mayHaveNews();

    /** A page that was asked for is there, or could not be read. Called by a thread for pages. */
    void hasPage();
  }
}
