package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.SQLException;
import java.sql.SQLTransientException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Observes the fence for all readers of a store, and wakes them when the mark moves. Safe for many
 * threads.
 *
 * <p>A thread of its own observes while somebody waits: at once when it is told of a commit, or
 * some milliseconds later where there are very many, every few milliseconds while a transaction
 * holds the mark back, and at the poll interval otherwise. While nobody waits the database sees
 * nothing of it.
 */
public final class HighWaterMark implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HighWaterMark.class);

  /** While a transaction holds the lock: its end is not told to us if it is a caller's own. */
  private static final long TICK = TimeUnit.MILLISECONDS.toNanos(2);

  private static final long SLOW_TICK = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long TICK_SLOWLY_AFTER = TimeUnit.SECONDS.toNanos(1);

  /** An observation takes a fraction of a millisecond; after this long something is wrong. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final Scheduler scheduler;
  private final FenceView view;
  private final long pollInterval;

  /** How long closing waits for an observation: the pool may have no connection to give for it. */
  private final long closing;

  /** Held during an observation: the fence needs them in the order in which they were made. */
  private final Lock observing;

  private Fence fence = new Fence(0);
  private long drawn;
  private boolean heldBack;

  /** When the last observation that came to an end began. */
  private long observedAt;

  private final Observations observations;

  /** Guards what readers and the observing thread tell each other. */
  private final Lock lock;

  private final Condition moved;
  private final Condition work;
  private volatile Mark mark = Mark.UNKNOWN;
  private final AtomicInteger waiting = new AtomicInteger();

  /** Something was committed since the last observation began. */
  private volatile boolean told;

  /** Something was written since then that is yet to be committed. */
  private volatile boolean toldEarly;

  /** Of the observing thread alone: nobody was waiting for a poll interval. */
  private boolean idled;

  /** Of the observing thread alone: a transaction was open, or was known to be. */
  private boolean expectant;

  /** Of the observing thread alone. */
  private final Tempo tempo = new Tempo();

  private @Nullable SQLException failure;
  private @Nullable Task observer;
  private boolean closed;

  public HighWaterMark(
      Scheduler scheduler, DataSource dataSource, FenceFunction function, Duration pollInterval) {
    this(scheduler, dataSource, function, pollInterval, PATIENCE);
  }

  /**
   * @param patience how long an observation may take, 2 s or more
   */
  HighWaterMark(
      Scheduler scheduler,
      DataSource dataSource,
      FenceFunction function,
      Duration pollInterval,
      Duration patience) {
    this(
        scheduler, new ObserversConnection(dataSource, function, patience), pollInterval, patience);
  }

  /** Observes through a view that nothing else uses. */
  public HighWaterMark(Scheduler scheduler, FenceView view, Duration pollInterval) {
    this(scheduler, view, pollInterval, PATIENCE);
  }

  private HighWaterMark(
      Scheduler scheduler, FenceView view, Duration pollInterval, Duration patience) {
    this.scheduler = scheduler;
    this.view = view;
    this.pollInterval = Durations.nanos(pollInterval);
    this.closing = 2 * patience.toNanos();
    this.observing = scheduler.newLock();
    this.observations = new Observations(scheduler);
    this.lock = scheduler.newLock();
    this.moved = lock.newCondition();
    this.work = lock.newCondition();
  }

  private boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /** The mark as last observed, without asking the database. */
  public Mark last() {
    return mark;
  }

  /**
   * How long it could not be observed although somebody wanted to know: since the first attempt, of
   * those in a row that failed or have not come back yet, began. While nobody asks nothing is
   * observed, and that is no failure: zero.
   */
  public Duration sinceObserved() {
    return observations.unansweredFor();
  }

  /**
   * How long the mark had not moved when it was last observed although something visible lies above
   * it; zero if nothing does.
   */
  public Duration heldBackFor() {
    return observations.heldBackFor();
  }

  /** Why the observing thread's last attempt failed; empty if it did not. */
  public Optional<SQLException> lastFailure() {
    lock.lock();
    try {
      return Optional.ofNullable(failure);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The incarnation that the server has been in at some time after a moment: as it was observed
   * since, or is observed now.
   *
   * @param moment on the scheduler's clock
   */
  public String incarnationSince(long moment) throws SQLException {
    observing.lock();
    try {
      boolean isKnown = !mark.isUnknown() && observedAt - moment >= 0;
      return isKnown ? mark.incarnation() : observe().incarnation();
    } finally {
      observing.unlock();
    }
  }

  /** Observes now. */
  public Mark observe() throws SQLException {
    observing.lock();
    try {
      long began = scheduler.nanoTime();
      observations.begins();
      boolean keep = waiting.get() > 0;
      Mark observed;
      try {
        observed = look();
      } catch (SQLException | RuntimeException | Error e) {
        view.release();
        throw e;
      }
      observations.came(observed, heldBack);
      if (!keep || isClosed()) {
        view.release();
      }
      publish(observed);
      observedAt = began;
      return observed;
    } finally {
      observing.unlock();
    }
  }

  private Mark look() throws SQLException {
    Observation seen = view.observe();
    String known = mark.incarnation();
    while (!seen.incarnation().equals(known)) {
      // What was known of the old incarnation's transactions says nothing about this one's. The
      // checkpoints are read between two observations of one incarnation: they are older than the
      // second, and none of them is one that the next crash has taken back.
      known = seen.incarnation();
      fence = new Fence(view.settled());
      seen = view.observe();
    }
    requireForward(seen);
    List<Holder> holders =
        seen.locks().stream()
            .map(l -> new Holder(l.virtualTransaction(), l.pid() == null))
            .toList();
    long position = fence.observe(seen.drawn(), holders);
    heldBack = position < seen.visible();
    return new Mark(position, seen.incarnation(), seen.unflushedTo());
  }

  /**
   * In one incarnation positions are drawn upwards, or the mark would cover what is yet to come.
   */
  private void requireForward(Observation seen) {
    if (seen.incarnation().equals(mark.incarnation()) && seen.drawn() < drawn) {
      throw new InvariantBrokenException(
          ("position %d was drawn in incarnation %s, and now %d is the last that was: the sequence"
                  + " of positions was set back. The high-water mark stays at %d.")
              .formatted(drawn, seen.incarnation(), seen.drawn(), mark.position()));
    }
    drawn = seen.drawn();
  }

  private void publish(Mark observed) {
    lock.lock();
    try {
      failure = null;
      if (!observed.isAt(mark)) {
        mark = observed;
        moved.signalAll();
      } else if (observed.unflushedTo() == 0) {
        mark = observed;
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until there is news for a reader: the mark is beyond where it has come to, or the server
   * is in another life than the reader knows.
   *
   * @return the mark, which is no news if the time was over
   * @throws SQLException if the time was over and the database could not be asked
   */
  public Mark await(long after, String incarnation, Duration atMost)
      throws SQLException, InterruptedException {
    Mark known = mark;
    if (known.isNews(after, incarnation)) {
      return known;
    }
    long remaining = Durations.nanos(atMost);
    lock.lockInterruptibly();
    try {
      if (waiting.incrementAndGet() == 1) {
        work.signal();
      }
      startObserver();
      while (!mark.isNews(after, incarnation) && remaining > 0) {
        if (closed) {
          throw new IllegalStateException("the event store is closed");
        }
        remaining = moved.awaitNanos(remaining);
      }
      if (failure != null && failure.getCause() instanceof InvariantBrokenException broken) {
        throw broken;
      }
      if (failure != null && !mark.isNews(after, incarnation)) {
        throw new SQLException(
            "the high-water mark cannot be observed", failure.getSQLState(), failure);
      }
      return mark;
    } finally {
      waiting.decrementAndGet();
      lock.unlock();
    }
  }

  /** Tells that something was committed, so that a waiting reader need not wait for the poll. */
  public void appended() {
    if (told) {
      // Nobody need be woken again: whoever was told has not begun to observe yet.
      return;
    }
    // Before it is asked who waits: whoever comes to wait later asks whether this was told.
    told = true;
    if (waiting.get() > 0) {
      lock.lock();
      try {
        work.signal();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Tells that something was written in a transaction of this process whose end nobody will tell.
   * It holds the lock by now, so the observer sees it, and looks until it is gone.
   */
  public void appending() {
    toldEarly = true;
    appended();
  }

  private void startObserver() {
    if (observer == null && !closed) {
      observer = scheduler.start("eventstore-high-water-mark", this::run);
    }
  }

  private void run() {
    long heldSince = scheduler.nanoTime();
    long lastPosition = -1;
    while (awaitWork()) {
      long started = scheduler.nanoTime();
      if (idled) {
        // What has come while nobody looked says nothing of how much comes now.
        idled = false;
        lastPosition = -1;
      }
      long pause;
      try {
        expectant |= toldEarly;
        toldEarly = false;
        Mark seen = observe();
        long found = lastPosition < 0 ? 0 : Math.max(0, seen.position() - lastPosition);
        tempo.found(found, started, scheduler.nanoTime() - started);
        if (seen.position() != lastPosition) {
          lastPosition = seen.position();
          heldSince = started;
        }
        pause = pause(started - heldSince);
      } catch (SQLException | RuntimeException | Error e) {
        // Also an error: without this thread the mark would stand for ever, and nobody would know.
        remember(e);
        pause = pollInterval;
      }
      if (!pause(started, pause)) {
        return;
      }
    }
  }

  private long pause(long heldFor) {
    observing.lock();
    try {
      boolean expected = expectant;
      expectant = fence.hasHolders();
      if (expected && !expectant) {
        // It may have been committed in the middle of the observation: too late to be visible, and
        // too soon to be seen holding the lock.
        return Math.min(TICK, pollInterval);
      }
      if (fence.hasHolders()) {
        return heldFor > TICK_SLOWLY_AFTER
            ? Math.min(SLOW_TICK, pollInterval)
            : Math.max(TICK, tempo.pause(waiting.get()));
      }
      return pollInterval;
    } finally {
      observing.unlock();
    }
  }

  private void remember(Throwable e) {
    lock.lock();
    try {
      if (failure == null && !closed) {
        LOG.warn("The high-water mark cannot be observed, trying again: {}", Causes.text(e));
      }
      // Readers try again, as this does: what is unknown may pass.
      failure =
          e instanceof SQLException sql
              ? sql
              : new SQLTransientException(Causes.text(e), "08000", e);
    } finally {
      lock.unlock();
    }
  }

  /** Waits until a reader waits. A connection that nobody needs goes back first. */
  private boolean awaitWork() {
    lock.lock();
    try {
      long patience = pollInterval;
      while (waiting.get() == 0 && !closed) {
        if (patience > 0) {
          patience = work.awaitNanos(patience);
        } else {
          releaseIdle();
          idled = true;
          work.await();
        }
      }
      return !closed;
    } catch (InterruptedException e) {
      return goesOn(e);
    } finally {
      lock.unlock();
    }
  }

  /** The interrupt is not from here: a data source or a driver has left it behind. */
  private boolean goesOn(InterruptedException e) {
    LOG.debug("The observer of the high-water mark was interrupted", e);
    return !closed;
  }

  private void releaseIdle() {
    // Never waits for the other lock while holding this one: a reader that observes on its own
    // takes them the other way round, and then returns the connection itself.
    if (observing.tryLock()) {
      try {
        view.release();
      } finally {
        observing.unlock();
      }
    }
  }

  /** Pauses between two observations: cut short by a commit, as far as the tempo allows. */
  private boolean pause(long started, long nanos) {
    lock.lock();
    try {
      long now = scheduler.nanoTime();
      while (!closed) {
        long end = started + (told ? Math.min(tempo.pause(waiting.get()), nanos) : nanos);
        if (end - now <= 0) {
          break;
        }
        work.awaitNanos(end - now);
        now = scheduler.nanoTime();
      }
      told = false;
      return !closed;
    } catch (InterruptedException e) {
      return goesOn(e);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    Task running;
    lock.lock();
    try {
      closed = true;
      running = observer;
      work.signalAll();
      moved.signalAll();
    } finally {
      lock.unlock();
    }
    boolean ended = running == null || joinUninterruptibly(running);
    if (!ended || !releaseSoon()) {
      LOG.warn("The high-water mark's observer still waits for the database: closing does not");
    }
  }

  private boolean joinUninterruptibly(Task task) {
    long deadline = scheduler.nanoTime() + closing;
    boolean interrupted = false;
    boolean ended = false;
    long left = closing;
    while (!ended && left > 0) {
      try {
        ended = task.join(left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
      left = deadline - scheduler.nanoTime();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return ended;
  }

  /** An observation of a reader's that is under way releases the connection itself. */
  private boolean releaseSoon() {
    boolean interrupted = Thread.interrupted();
    try {
      if (!observing.tryLock(closing, TimeUnit.NANOSECONDS)) {
        return false;
      }
      try {
        view.release();
      } finally {
        observing.unlock();
      }
      return true;
    } catch (InterruptedException e) {
      interrupted = true;
      return false;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
