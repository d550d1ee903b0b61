package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.SQLException;
import java.sql.SQLTransientException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The high-water mark of one schema, for all readers of a store. The {@link Observer} of the engine
 * moves it while a reader waits; a reader that has to know it at once observes on its own. Safe for
 * many threads.
 *
 * <p>It is longer than other classes because one lock guards the mark and the readers that wait for
 * it, so that no reader misses a move of the mark.
 */
public final class HighWaterMark implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HighWaterMark.class);

  private final Scheduler scheduler;
  private final Observer observer;
  private final FenceFunction function;

  /** For readers that observe on their own. */
  private final Supplier<FenceView> views;

  /** Held during an observation: the fence needs them in the order in which they were made. */
  private final Lock observing;

  private final ObservedFence fence;

  /** When the last observation that came to an end began. */
  private long observedAt;

  private final Observations observations;

  /** Guards what readers and the observing thread exchange. */
  private final Lock lock;

  private final Condition moved;
  private volatile Mark mark = Mark.UNKNOWN;
  private final AtomicInteger waiting = new AtomicInteger();

  /** Something was committed since the last observation began. */
  private volatile boolean signalled;

  /** Something was written since then that is yet to be committed. */
  private volatile boolean writing;

  /** Readers that wait without a thread. Guarded by the lock. */
  private final Set<Watch> watches = new LinkedHashSet<>();

  private @Nullable SQLException failure;
  private boolean closed;

  HighWaterMark(
      Scheduler scheduler, Observer observer, FenceFunction function, Supplier<FenceView> views) {
    this.scheduler = scheduler;
    this.observer = observer;
    this.function = function;
    this.views = views;
    this.observing = scheduler.newLock();
    this.fence = new ObservedFence(function);
    this.observations = new Observations(scheduler);
    this.lock = scheduler.newLock();
    this.moved = lock.newCondition();
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

  /** Why the observer's last attempt failed; empty if it did not. */
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
    Mark known = since(moment);
    return known != null ? known.incarnation() : observe(moment).incarnation();
  }

  /** The mark, if it was observed since a moment. Waits for an observation that is under way. */
  private @Nullable Mark since(long moment) {
    observing.lock();
    try {
      return !mark.isUnknown() && observedAt - moment >= 0 ? mark : null;
    } finally {
      observing.unlock();
    }
  }

  /** Observes now, through a connection of its own. */
  public Mark observe() throws SQLException {
    return observe(null);
  }

  /** The same, unless it is observed since a moment while this waits for a connection. */
  private Mark observe(@Nullable Long unlessSince) throws SQLException {
    observations.begins();
    FenceView view = views.get();
    try {
      // Before the lock: a pool that gives no connection now must not hold up the observer.
      view.connect();
      observing.lock();
      try {
        Mark known = unlessSince == null ? null : since(unlessSince);
        if (known != null) {
          return known;
        }
        long began = begin();
        return came(view.observe(function), view, began);
      } finally {
        observing.unlock();
      }
    } finally {
      view.release();
    }
  }

  // What the observer calls.

  FenceFunction function() {
    return function;
  }

  /** Begins an observation by the observer; false if a reader is observing. */
  boolean tryHold() {
    return observing.tryLock();
  }

  void letGo() {
    observing.unlock();
  }

  /** An observation begins: what is signalled from now on it may not see. Held. */
  long begin() {
    observations.begins();
    return scheduler.nanoTime();
  }

  /** It was made. Held. */
  Mark came(Observation seen, FenceView view, long began) throws SQLException {
    Mark observed = fence.take(seen, view);
    observations.came(observed, fence.isHeldBack());
    publish(observed);
    observedAt = began;
    return observed;
  }

  /** Whether a transaction was open that may draw positions. Held. */
  boolean isOpen() {
    return fence.hasHolders();
  }

  private void publish(Mark observed) {
    List<Watch> woken = List.of();
    lock.lock();
    try {
      failure = null;
      if (!observed.isAt(mark)) {
        mark = observed;
        moved.signalAll();
        woken = watches.stream().filter(watch -> watch.isFor(observed)).toList();
        woken.forEach(this::forget);
      } else if (observed.unflushedTo() == 0) {
        mark = observed;
      }
    } finally {
      lock.unlock();
    }
    woken.forEach(Watch::wake);
  }

  /** The lock is held. */
  private void forget(Watch watch) {
    if (watches.remove(watch)) {
      waiting.decrementAndGet();
    }
  }

  /** The observer's attempt has failed. */
  void failed(Throwable e) {
    lock.lock();
    try {
      if (failure == null && !closed) {
        LOG.warn("The high-water mark cannot be observed, trying again: {}", Causes.text(e));
      }
      // Readers try again, as the observer does: what is unknown may pass.
      failure =
          e instanceof SQLException sql
              ? sql
              : new SQLTransientException(Causes.text(e), "08000", e);
    } finally {
      lock.unlock();
    }
  }

  /** How many readers wait. */
  int readers() {
    return waiting.get();
  }

  /** Whether something was committed since the last observation of the observer's began. */
  boolean isSignalled() {
    return signalled;
  }

  /** The observer begins: whatever was signalled before, it sees. */
  boolean takeSignals() {
    boolean wasWriting = writing;
    writing = false;
    signalled = false;
    return wasWriting;
  }

  // What readers and writers call.

  /**
   * Waits until there is news for a reader: the mark is beyond where it has come to, or the server
   * is in another incarnation than the reader knows.
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
        observer.wake();
      }
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

  /**
   * A way to wait without a thread.
   *
   * @param wake what to do when there may be news; it must not block
   */
  public Watch watch(Runnable wake) {
    return new Watch(this, wake);
  }

  /**
   * Tells a reader's news, as {@link #await} does; without any, it will be woken once there are.
   *
   * @return null if there are none yet
   */
  public @Nullable Mark poll(long after, String incarnation, Watch watch) {
    Mark known = mark;
    if (known.isNews(after, incarnation)) {
      return known;
    }
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the event store is closed");
      }
      if (mark.isNews(after, incarnation)) {
        return mark;
      }
      watch.forNews(after, incarnation);
      if (watches.add(watch) && waiting.incrementAndGet() == 1) {
        observer.wake();
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  void cancel(Watch watch) {
    lock.lock();
    try {
      forget(watch);
    } finally {
      lock.unlock();
    }
  }

  /** Signals that something was committed, so that a reader need not wait for the poll. */
  public void appended() {
    if (signalled) {
      // The observer need not be woken again: it has not begun to observe yet.
      return;
    }
    // Before it is asked who waits: the observer looks for signals when a reader comes later.
    signalled = true;
    if (waiting.get() > 0) {
      observer.wake();
    }
  }

  /**
   * Signals that something was written in a transaction of this process whose end is not signalled.
   * It holds the lock by now, so the observer sees it, and looks until it is gone.
   */
  public void appending() {
    writing = true;
    appended();
  }

  @Override
  public void close() {
    observer.remove(this);
    List<Watch> woken;
    lock.lock();
    try {
      closed = true;
      moved.signalAll();
      woken = List.copyOf(watches);
      woken.forEach(this::forget);
    } finally {
      lock.unlock();
    }
    woken.forEach(Watch::wake);
  }
}
