package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * Has the leases of all stores of an engine kept, each when it is due, one after the other and in
 * one thread. Safe for many threads.
 */
final class LeaseRounds {

  private final Scheduler scheduler;
  private final Background thread;
  private final Lock lock;

  /** When each is due. Guarded by the lock. */
  private final Map<LeaseKeeper, Long> due = new LinkedHashMap<>();

  LeaseRounds(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.thread = new Background(scheduler, "eventstore-leases", this::run);
    this.lock = thread.lock();
  }

  /** To be closed. */
  Background thread() {
    return thread;
  }

  /** From now on the leases of a store are kept; the first time soon. */
  void add(LeaseKeeper keeper) {
    lock.lock();
    try {
      if (!keeper.isClosed()) {
        due.put(keeper, scheduler.nanoTime());
        thread.start();
        thread.signal();
      }
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
        thread.signal();
      }
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
      while (!thread.isClosed()) {
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
        thread.await(pause);
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
      thread.signal();
    } finally {
      lock.unlock();
    }
  }
}
