package dev.pgeventstore.kafka.internal;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** Asks a thread to come to an end, and ends its pauses. Safe for many threads. */
public final class StopSignal {

  private final Lock lock;
  private final Condition changed;
  private volatile boolean requested;

  public StopSignal(Scheduler scheduler) {
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
  }

  public void request() {
    lock.lock();
    try {
      requested = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  public boolean isRequested() {
    return requested;
  }

  /** Pauses, at most until the end is asked for. */
  public void pause(Duration atMost) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long left = atMost.toNanos();
      while (!requested && left > 0) {
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }
}
