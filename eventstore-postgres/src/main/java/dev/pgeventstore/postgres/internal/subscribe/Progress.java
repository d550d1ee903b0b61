package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * How far a lane has come, and whether it is to stop. Safe for many threads. All lanes of a
 * subscription share one lock, so that somebody can wait for any of them.
 */
final class Progress {

  private static final long LONGEST_FOR_POOL_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition changed;
  private State state = State.RUNNING;
  private long position;
  private long movedNanos;
  private boolean caughtUp;
  private @Nullable Throwable error;
  private boolean stopping;
  private boolean ended;

  private volatile boolean asksPool;
  private volatile long asksSince;

  Progress(Scheduler scheduler, Lock lock, Condition changed) {
    this.scheduler = scheduler;
    this.movedNanos = scheduler.nanoTime();
    this.lock = lock;
    this.changed = changed;
  }

  /** It has come to a position, and whether that is the mark. */
  void moveTo(long reached, boolean isMark) {
    update(
        () -> {
          if (reached != position || isMark) {
            movedNanos = scheduler.nanoTime();
          }
          position = reached;
          caughtUp = isMark;
          state = State.RUNNING;
          error = null;
        });
  }

  /** The stored checkpoint is the truth, also when it is behind. */
  void rewindTo(long reached) {
    update(() -> position = reached);
  }

  void stop() {
    update(
        () -> {
          state = State.STOPPED;
          error = null;
        });
  }

  void fail(Throwable cause) {
    update(
        () -> {
          state = State.FAILED;
          error = cause;
        });
  }

  private void update(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** All of it, as it is at one moment. */
  Snapshot snapshot() {
    lock.lock();
    try {
      return new Snapshot(
          state, position, caughtUp, scheduler.nanoTime() - movedNanos, Optional.ofNullable(error));
    } finally {
      lock.unlock();
    }
  }

  boolean isStopping() {
    lock.lock();
    try {
      return stopping;
    } finally {
      lock.unlock();
    }
  }

  /** What it failed with, if that is why it ends. */
  Optional<Throwable> failure() {
    return Optional.of(snapshot())
        .filter(now -> now.state() == State.FAILED)
        .flatMap(Snapshot::error);
  }

  /** Asks the lane to stop. */
  void askToStop() {
    update(() -> stopping = true);
  }

  /** The lane has ended: nothing of it goes on. */
  void end() {
    update(() -> ended = true);
  }

  boolean hasEnded() {
    lock.lock();
    try {
      return ended;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for a connection, or no more. */
  void asksPool(boolean now) {
    asksSince = scheduler.nanoTime();
    asksPool = now;
  }

  /** Waits for the end, but no longer for a pool than for some seconds: it may give nothing. */
  void awaitEnd() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!ended) {
        long left = LONGEST_FOR_POOL_NANOS - (asksPool ? scheduler.nanoTime() - asksSince : 0);
        if (left <= 0) {
          return;
        }
        long unused = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  /** It will try again what has failed. */
  void retrying(Throwable cause) {
    update(
        () -> {
          state = State.RETRYING;
          error = cause;
        });
  }

  /**
   * What a lane was doing at one moment.
   *
   * @param state whether it runs
   * @param position where it stood
   * @param caughtUp whether that was the mark
   * @param unmovedNanos how long it has stood there, or was at the mark last
   * @param error what it is retrying after, or what stopped it
   */
  record Snapshot(
      State state, long position, boolean caughtUp, long unmovedNanos, Optional<Throwable> error) {}
}
