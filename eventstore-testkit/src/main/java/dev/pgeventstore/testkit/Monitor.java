package dev.pgeventstore.testkit;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * The one lock for everything that a store keeps in memory, with one signal for every change.
 * Application code never runs under this lock. Safe for many threads.
 */
final class Monitor {

  private final Lock lock = Scheduler.threads().newLock();
  private final Condition changed = lock.newCondition();

  /** Reads under the lock. */
  <T> T read(Supplier<T> question) {
    lock.lock();
    try {
      return question.get();
    } finally {
      lock.unlock();
    }
  }

  /** Changes something, and wakes all that wait for a change. */
  <T> T change(Supplier<T> change) {
    lock.lock();
    try {
      changed.signalAll();
      return change.get();
    } finally {
      lock.unlock();
    }
  }

  /** Changes something, and wakes all that wait for a change. */
  void change(Runnable change) {
    Object unused =
        change(
            () -> {
              change.run();
              return this;
            });
  }

  /**
   * Waits until a condition holds.
   *
   * @return false if the condition does not hold after that time
   */
  boolean await(BooleanSupplier condition, long nanos) throws InterruptedException {
    long remaining = nanos;
    lock.lockInterruptibly();
    try {
      while (!condition.getAsBoolean()) {
        if (remaining <= 0) {
          return false;
        }
        remaining = changed.awaitNanos(remaining);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }
}
