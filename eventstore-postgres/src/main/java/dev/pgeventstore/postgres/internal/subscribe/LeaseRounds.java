package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the leases of all stores of an engine kept, each when it is due, one after the other and in
 * one thread. Safe for many threads.
 */
final class LeaseRounds implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseRounds.class);

  private static final long CLOSING_NANOS = TimeUnit.SECONDS.toNanos(3);

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition woken;

  /** When each is due. Guarded by the lock. */
  private final Map<LeaseKeeper, Long> due = new LinkedHashMap<>();

  private @Nullable Task thread;
  private boolean closed;

  LeaseRounds(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.woken = lock.newCondition();
  }

  /** From now on the leases of a store are kept; the first time soon. */
  void add(LeaseKeeper keeper) {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      if (thread == null) {
        thread = scheduler.start("eventstore-leases", this::run);
      }
      due.put(keeper, scheduler.nanoTime());
      woken.signal();
    } finally {
      lock.unlock();
    }
  }

  void remove(LeaseKeeper keeper) {
    lock.lock();
    try {
      due.remove(keeper);
    } finally {
      lock.unlock();
    }
  }

  /** Something may have changed: it is due now. */
  void wake(LeaseKeeper keeper) {
    lock.lock();
    try {
      if (due.containsKey(keeper)) {
        due.put(keeper, scheduler.nanoTime());
        woken.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether other stores wait while one is having its turn. */
  boolean hasSeveral() {
    lock.lock();
    try {
      return due.size() > 1;
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    for (LeaseKeeper next = awaitDue(); next != null; next = awaitDue()) {
      next.keep();
    }
  }

  /** Waits until one is due, which is then due again after the longest time, unless it is woken. */
  private @Nullable LeaseKeeper awaitDue() {
    lock.lock();
    try {
      while (!closed) {
        long now = scheduler.nanoTime();
        long pause = LeaseKeeper.NOTHING_TO_DO_NANOS;
        Map.Entry<LeaseKeeper, Long> first = longestDue(now);
        if (first != null) {
          pause = first.getValue() - now;
          if (pause <= 0) {
            first.setValue(now + LeaseKeeper.NOTHING_TO_DO_NANOS);
            return first.getKey();
          }
        }
        try {
          long unused = woken.awaitNanos(pause);
        } catch (InterruptedException e) {
          // Closing interrupts nothing: a data source, a driver or a listener has left it behind.
          LOG.debug("The keeper of leases was interrupted", e);
        }
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /**
   * The one that has been due for the longest time, so that stores whose turns take long and come
   * often keep no other from its turn.
   */
  private Map.@Nullable Entry<LeaseKeeper, Long> longestDue(long now) {
    Map.Entry<LeaseKeeper, Long> first = null;
    for (Map.Entry<LeaseKeeper, Long> each : due.entrySet()) {
      if (first == null || each.getValue() - now < first.getValue() - now) {
        first = each;
      }
    }
    return first;
  }

  /** A store is due after a time, or before if it was woken since its turn began. */
  void again(LeaseKeeper keeper, long nanos) {
    lock.lock();
    try {
      long next = scheduler.nanoTime() + nanos;
      due.computeIfPresent(keeper, (same, before) -> before - next < 0 ? before : next);
      woken.signal();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Its thread may be telling a listener, and a listener may be what closes: that does not wait.
   */
  @Override
  public void close() {
    Task running;
    lock.lock();
    try {
      closed = true;
      woken.signal();
      running = thread;
    } finally {
      lock.unlock();
    }
    if (running != null && !EngineThread.isCurrent()) {
      try {
        running.join(CLOSING_NANOS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
