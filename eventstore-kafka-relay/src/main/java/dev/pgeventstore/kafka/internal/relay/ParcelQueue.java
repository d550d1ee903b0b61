package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.record.Parcel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** Parcels that are ready to be sent, a few of them. Safe for many threads. */
final class ParcelQueue {

  /** Small: what waits is what the garbage collector has to copy. */
  static final long FULL_BYTES = 128L * 1024;

  /** Enough to go on with after a commit, while the next ones are prepared. */
  private static final long MOST_BYTES_WAITING = 12 * FULL_BYTES;

  private final Lock lock;
  private final Condition changed;
  private final Deque<Parcel> ready = new ArrayDeque<>();
  private long waiting;
  private @Nullable Throwable failure;
  private boolean closed;

  ParcelQueue(Scheduler scheduler) {
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
  }

  /**
   * The next parcel.
   *
   * @return null if none is ready in time
   */
  @Nullable Parcel poll(Duration wait) throws InterruptedException {
    lock.lock();
    try {
      long left = wait.toNanos();
      while (ready.isEmpty()) {
        if (failure != null) {
          rethrow(failure);
        }
        if (left <= 0) {
          return null;
        }
        left = changed.awaitNanos(left);
      }
      Parcel next = ready.remove();
      waiting -= weight(next);
      changed.signalAll();
      return next;
    } finally {
      lock.unlock();
    }
  }

  private static void rethrow(Throwable failure) {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
    throw new IllegalStateException(Causes.text(failure), failure);
  }

  /** Whether a parcel can be had without waiting. */
  boolean hasMore() {
    lock.lock();
    try {
      return !ready.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Adds one, when there is room. */
  void offer(Parcel next) throws InterruptedException {
    lock.lock();
    try {
      while (waiting >= MOST_BYTES_WAITING && !closed) {
        changed.await();
      }
      ready.add(next);
      waiting += weight(next);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Those with little in them are not to become many either. */
  private static long weight(Parcel parcel) {
    return Math.max(FULL_BYTES, parcel.bytes());
  }

  /** Nothing comes behind what is ready, because of this. */
  void fail(Throwable cause) {
    lock.lock();
    try {
      failure = cause;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /** Forgets what is ready, and lets no thread wait. */
  void close() {
    lock.lock();
    try {
      closed = true;
      ready.clear();
      waiting = 0;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
