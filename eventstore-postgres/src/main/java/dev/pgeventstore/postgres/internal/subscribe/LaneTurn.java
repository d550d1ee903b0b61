package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.subscribe.Turns.Next;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable.Standing;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.ReadingPlace;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What a lane does when it has its turn: page, then handler and checkpoint in one transaction,
 * again and again, until there is nothing to do. Whatever would wait ends the turn instead. For one
 * thread at a time.
 *
 * <pre>
 *   predecessor --> checkpoint --> pages &lt;--> batches
 *                    ^      ^        |           |
 *              barrier      +--------+-----------+   history changed, interrupted,
 *                                    |           |   the database failed: after a back-off
 *                                    v           v
 *                                   end: asked to stop, lease lost, given up, failed
 * </pre>
 */
final class LaneTurn implements Turns.Work {

  /** How soon it is looked again whether the lease was renewed. */
  static final long LEASE_MILLIS = 100;

  private static final long LOOK_UP_MILLIS = 1_000;
  private static final long LOOK_UP_NANOS = TimeUnit.MILLISECONDS.toNanos(LOOK_UP_MILLIS);
  private static final int LONGEST_PAGE = 10_000;

  private final Scheduler scheduler;
  private final Lane lane;
  private final LaneParts parts;
  private final LaneHandling handling;
  private final LaneFailures failures;
  private final Readers readers;
  private final SubscriptionTables tables;
  private final Errands errands;

  private boolean begun;
  private @Nullable PrefetchingReader reader;
  private @Nullable ReadingPlace reading;
  private @Nullable PageBatches batches;

  /** Since when there has been no page. */
  private long nothingSince;

  /** Until when it pauses, whatever wakes it; only stopping does not wait for that. */
  private long pausesUntil;

  /** Whether it holds a place among the errands. */
  private boolean errand;

  /** What has gone wrong in a turn that must not block. */
  private @Nullable Throwable thrown;

  private long barrier;

  LaneTurn(
      Scheduler scheduler,
      Lane lane,
      LaneParts parts,
      LaneFailures failures,
      Readers readers,
      SubscriptionTables tables,
      Errands errands) {
    this.scheduler = scheduler;
    this.lane = lane;
    this.parts = parts;
    this.handling = new LaneHandling(parts);
    this.failures = failures;
    this.readers = readers;
    this.tables = tables;
    this.errands = errands;
    this.pausesUntil = scheduler.nanoTime();
  }

  @Override
  public Next take(boolean inThread) {
    Next next;
    Throwable before = thrown;
    if (before != null) {
      next = inThread ? recover(before) : Next.IN_THREAD;
    } else {
      try {
        next = parts.progress().isStopping() ? stop(inThread) : goOn(inThread);
      } catch (Throwable e) {
        next = inThread || e instanceof HistoryChangedException ? recover(e) : later(e);
      }
    }
    if (inThread) {
      endErrand();
    }
    if (next == Next.OVER) {
      close();
      lane.end();
    }
    return next;
  }

  private Next later(Throwable e) {
    thrown = e;
    return Next.IN_THREAD;
  }

  private Next recover(Throwable e) {
    thrown = null;
    close();
    // Before the listener is told, which may hang: a place is for the database's work only.
    endErrand();
    return pause(failures.recover(e));
  }

  private Next pause(Next next) {
    pausesUntil = scheduler.nanoTime() + next.nanos();
    return next;
  }

  private Next goOn(boolean inThread) throws SQLException, InterruptedException {
    long pause = pausesUntil - scheduler.nanoTime();
    if (pause > 0) {
      return Next.afterNanos(pause);
    }
    if (!begun) {
      if (!lane.predecessorHasEnded()) {
        return Next.afterMillis(LOOK_UP_MILLIS);
      }
      if (!inThread) {
        return Next.IN_THREAD;
      }
      begun = true;
      lane.begin();
      // To be loaded it takes a place among the errands, as ever.
      return Next.NOW;
    }
    PrefetchingReader following = reader;
    if (following == null) {
      if (!inThread) {
        return beginErrand() ? Next.IN_THREAD : Next.afterMillis(Errands.RETRY_MILLIS);
      }
      following = load();
      endErrand();
      if (following == null) {
        return pause(Next.afterMillis(LOOK_UP_MILLIS));
      }
    }
    Next next = follow(following, inThread);
    return inThread && parts.progress().isStopping() ? stop(true) : next;
  }

  private boolean beginErrand() {
    errand = errand || errands.tryBegin();
    return errand;
  }

  private void endErrand() {
    if (errand) {
      errand = false;
      errands.end();
    }
  }

  /** Begins from the stored checkpoint; null if that stands at the barrier. */
  private @Nullable PrefetchingReader load() throws SQLException {
    lane.isNowIn("");
    Standing standing =
        tables
            .connections()
            .use(
                connection -> {
                  parts.transactions().load(connection, parts.share());
                  return parts.checkpoint().load(connection);
                });
    barrier = standing.barrier();
    long position = standing.position();
    parts.oneByOne().suspect(standing.attempts() > 0 ? parts.spec().batchSize() : 0);
    parts.progress().rewindTo(position);
    if (position >= barrier) {
      // The others have to come to it too. Then the partitions are divided anew, and this one ends.
      lane.reachedBarrier();
      parts.progress().moveTo(position, true);
      return null;
    }
    PrefetchingReader opened =
        readers.poll(parts.spec().query(), position, Durability.VISIBLE, lane.waking());
    reader = opened;
    reading = ReadingPlace.of(parts.share().toString(), Position.of(position));
    nothingSince = scheduler.nanoTime();
    opened.begin();
    return opened;
  }

  private Next follow(PrefetchingReader following, boolean inThread)
      throws SQLException, InterruptedException {
    while (!parts.progress().isStopping()) {
      PageBatches page = batches;
      if (page == null) {
        if (!parts.lease().isCertain()) {
          return Next.afterMillis(LEASE_MILLIS);
        }
        page = poll(following);
        if (page == null) {
          return Next.afterNanos(nothingSince + LOOK_UP_NANOS - scheduler.nanoTime());
        }
        batches = page;
      }
      if (!inThread && !handling.isQuiet(page, barrier)) {
        if (!handling.canWait(page, barrier) || beginErrand()) {
          return Next.IN_THREAD;
        }
        // It is stored a little later, when there is a place.
        handling.pass(page);
        nothingSince -= LOOK_UP_NANOS - TimeUnit.MILLISECONDS.toNanos(Errands.RETRY_MILLIS);
      } else if (!inThread) {
        handling.pass(page);
      } else {
        long pause = handling.handle(page, barrier);
        if (pause > 0) {
          return pause(Next.afterMillis(pause));
        }
        if (page.isEmpty()) {
          endErrand();
        }
      }
      batches = null;
      failures.startOver();
      if (parts.checkpoint().position() >= barrier) {
        close();
        return Next.NOW;
      }
    }
    return Next.NOW;
  }

  /** The next page, which is empty if there was none for a while; null if there is none yet. */
  private @Nullable PageBatches poll(PrefetchingReader following) throws InterruptedException {
    EventPage page;
    long now = scheduler.nanoTime();
    try {
      page = following.poll(pageSize());
      if (page == null && now - nothingSince >= LOOK_UP_NANOS) {
        nothingSince = now;
        page = following.nothing();
      }
    } catch (RuntimeException e) {
      if (parts.progress().isStopping()) {
        // What it has read from may be closed by now.
        return null;
      }
      throw e;
    }
    ReadingPlace place = reading;
    if (page == null || place == null) {
      return null;
    }
    nothingSince = now;
    lane.isNowIn(following.incarnation());
    return new PageBatches(
        place.advance(page),
        new Mark(page.highWaterMark().value(), following.incarnation()),
        parts.share(),
        barrier,
        parts.spec().batchSize(),
        page.events().size() >= pageSize());
  }

  private int pageSize() {
    return Math.min(parts.spec().batchSize() * parts.share().partitions(), LONGEST_PAGE);
  }

  /** The last turn: stores how far it has come, if that is still its own to say. */
  private Next stop(boolean inThread) throws SQLException {
    if (!inThread) {
      return Next.IN_THREAD;
    }
    PrefetchingReader following = reader;
    if (following != null && !parts.lease().isLost()) {
      parts.checkpoint().store(parts.progress().snapshot().position(), following.incarnation());
    }
    parts.progress().stop();
    return Next.OVER;
  }

  private void close() {
    PrefetchingReader following = reader;
    reader = null;
    batches = null;
    handling.startOver();
    if (following != null) {
      following.close();
    }
  }

  @Override
  public String toString() {
    return parts.share().toString();
  }
}
