package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Observes the fences of all schemas of an engine: one thread and one connection, and one round
 * trip for all that are due, each when its {@link Cadence} says. While no reader waits the database
 * sees nothing of it. Safe for many threads.
 *
 * <p>A schema that cannot be observed with the others (it was dropped, is locked, or may not be
 * read) is observed on its own, through a connection of its own, until that has succeeded:
 *
 * <pre>
 *            a round fails, then this schema alone
 *   together ------------------------------------> apart &lt;--+ fails
 *       ^                                            |  |     |
 *       +--------------- succeeds -------------------+  +-----+
 * </pre>
 *
 * <p>It is longer than other classes because one loop decides for all schemas when each is
 * observed, together or alone, and what is due next.
 */
public final class Observer {

  /**
   * How many schemas are observed in one round trip: the driver splits what is much longer, and
   * with it the transaction that bounds how long is waited for locks.
   */
  static final int MOST_TOGETHER = 200;

  private final Scheduler scheduler;
  private final Supplier<FenceView> views;
  private final Executor apart;
  private final long pollInterval;
  private final Background thread;
  private final Lock lock;

  /** Guarded by the lock, and in the order in which the stores were opened. */
  private final Map<HighWaterMark, Watched> marks = new LinkedHashMap<>();

  /**
   * @param views what gives each of those who observe a view of their own
   * @param apart where schemas that cannot be observed with the others are observed
   * @param pollInterval how often marks are observed of which nothing was signalled
   */
  public Observer(
      Scheduler scheduler, Supplier<FenceView> views, Executor apart, Duration pollInterval) {
    this.scheduler = scheduler;
    this.views = views;
    this.apart = apart;
    this.pollInterval = Durations.nanos(pollInterval);
    this.thread = new Background(scheduler, "eventstore-high-water-mark", this::run);
    this.lock = thread.lock();
  }

  /** To be closed. What an observation that is under way then has taken, it gives back itself. */
  public Background thread() {
    return thread;
  }

  /** The mark of a schema, for one store. To be closed with it. */
  public HighWaterMark mark(FenceFunction function) {
    HighWaterMark mark = new HighWaterMark(scheduler, this, function, views);
    lock.lock();
    try {
      marks.put(mark, new Watched(mark, new Cadence(pollInterval, scheduler.nanoTime())));
    } finally {
      lock.unlock();
    }
    return mark;
  }

  void remove(HighWaterMark mark) {
    lock.lock();
    try {
      marks.remove(mark);
    } finally {
      lock.unlock();
    }
    wake();
  }

  /** A reader waits, or something was committed. */
  void wake() {
    lock.lock();
    try {
      if (!marks.isEmpty()) {
        thread.start();
      }
      thread.signal();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    FenceView view = views.get();
    try {
      for (List<Watched> due = awaitDue(view); due != null; due = awaitDue(view)) {
        observe(due, view);
      }
    } finally {
      view.release();
    }
  }

  /** Waits until marks are to be observed. A connection that is not needed goes back meanwhile. */
  private @Nullable List<Watched> awaitDue(FenceView view) {
    lock.lock();
    try {
      long idleFrom = scheduler.nanoTime();
      boolean released = false;
      while (!thread.isClosed()) {
        long now = scheduler.nanoTime();
        long pause = untilDue(now);
        if (pause <= 0) {
          List<Watched> due = due(now);
          if (due.isEmpty()) {
            // Who waited a moment ago does so no longer.
            continue;
          }
          return due;
        }
        if (pause == Long.MAX_VALUE && !released) {
          pause = idleFrom + 2 * pollInterval - now;
          if (pause <= 0) {
            view.release();
            released = true;
            pause = Long.MAX_VALUE;
          }
        }
        thread.await(pause);
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** How long until the first mark is due; the largest number if no reader waits. */
  private long untilDue(long now) {
    long pause = Long.MAX_VALUE;
    for (Watched watched : marks.values()) {
      if (watched.isWaitedFor()) {
        pause = Math.min(pause, watched.due() - now);
      }
    }
    return pause;
  }

  /** Those that are due, and those that soon would be for no other reason than the time. */
  private List<Watched> due(long now) {
    List<Watched> due = new ArrayList<>();
    for (Watched watched : marks.values()) {
      long early = watched.cadence.isPolling() ? pollInterval / 8 : 0;
      if (watched.isWaitedFor() && watched.due() - now <= early) {
        due.add(watched);
      }
    }
    return due;
  }

  private boolean isOnlyOne() {
    lock.lock();
    try {
      return marks.size() == 1;
    } finally {
      lock.unlock();
    }
  }

  private void observe(List<Watched> due, FenceView view) {
    if (isOnlyOne()) {
      // No other schema waits for it.
      due.get(0).observe(view);
      return;
    }
    List<Watched> together = new ArrayList<>();
    try {
      for (Watched watched : due) {
        if (watched.apart) {
          observeApart(watched);
        } else if (watched.tryHold()) {
          together.add(watched);
        }
      }
      for (int from = 0; from < together.size(); from += MOST_TOGETHER) {
        int to = Math.min(from + MOST_TOGETHER, together.size());
        observeTogether(together.subList(from, to), view);
      }
    } finally {
      together.forEach(watched -> watched.mark.letGo());
    }
  }

  private void observeTogether(List<Watched> held, FenceView view) {
    held.forEach(Watched::begin);
    List<Observation> seen;
    try {
      seen = view.observeAll(held.stream().map(watched -> watched.mark.function()).toList());
    } catch (Throwable e) {
      // Without a connection it is no fault of a schema. Otherwise it is found out whose.
      boolean ofOne = view.isConnected() && SqlFailure.of(e) != SqlFailure.LOST;
      view.release();
      if (ofOne && held.size() > 1) {
        held.forEach(watched -> observeTogether(List.of(watched), view));
      } else {
        held.forEach(watched -> watched.failed(e, ofOne));
      }
      return;
    }
    for (int i = 0; i < held.size(); i++) {
      held.get(i).came(seen.get(i), view, held.size());
    }
  }

  private void observeApart(Watched watched) {
    setBusy(watched, true);
    try {
      apart.execute(
          () -> {
            try {
              FenceView own = views.get();
              watched.observe(own);
              own.release();
            } finally {
              setBusy(watched, false);
            }
          });
    } catch (RuntimeException | Error e) {
      // There is no thread for it now: it is observed later, and the others are not kept.
      watched.cadence.begins(scheduler.nanoTime(), false);
      watched.failed(e, true);
      setBusy(watched, false);
    }
  }

  private void setBusy(Watched watched, boolean busy) {
    lock.lock();
    try {
      watched.busy = busy;
    } finally {
      lock.unlock();
    }
    if (!busy) {
      wake();
    }
  }

  /** A mark and when it is due. The thread that observes the mark uses its cadence. */
  private final class Watched {

    private final HighWaterMark mark;
    private final Cadence cadence;
    private long began;

    /** Whether it is observed on its own. */
    private boolean apart;

    /** Whether that is under way. Guarded by the lock. */
    private boolean busy;

    Watched(HighWaterMark mark, Cadence cadence) {
      this.mark = mark;
      this.cadence = cadence;
    }

    boolean isWaitedFor() {
      return !busy && mark.readers() > 0;
    }

    long due() {
      return cadence.due(mark.isSignalled(), mark.readers());
    }

    boolean tryHold() {
      boolean held = mark.tryHold();
      if (!held) {
        cadence.postpone(scheduler.nanoTime());
      }
      return held;
    }

    void begin() {
      boolean writing = mark.takeSignals();
      began = mark.begin();
      cadence.begins(began, writing);
    }

    /** Alone, and however long it takes. */
    void observe(FenceView view) {
      if (!tryHold()) {
        return;
      }
      try {
        begin();
        came(view.observe(mark.function()), view, 1);
      } catch (Throwable e) {
        view.release();
        failed(e, apart);
      } finally {
        mark.letGo();
      }
    }

    void came(Observation seen, FenceView view, int together) {
      try {
        Mark observed = mark.came(seen, view, began);
        long took = (scheduler.nanoTime() - began) / together;
        cadence.observed(observed.position(), took, mark.isOpen(), mark.readers());
        apart = false;
      } catch (Throwable e) {
        // Also an error: without the thread all marks would stop moving, and no error would say so.
        view.release();
        failed(e, SqlFailure.of(e) != SqlFailure.LOST);
      }
    }

    void failed(Throwable e, boolean isItsOwn) {
      cadence.failed();
      mark.failed(e);
      apart = isItsOwn;
    }
  }
}
