package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How far a lane has come, and whether it is to stop. Safe for many threads. All lanes of a
 * subscription share one lock, so that somebody can wait for any of them.
 */
final class Progress {

  private static final Logger LOG = LoggerFactory.getLogger(Progress.class);

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition changed;
  private State state = State.RUNNING;
  private long position;
  private long movedNanos;
  private boolean caughtUp;
  private @Nullable Throwable error;
  private boolean stopping;
  private boolean interruptible;

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
          if (state != State.FAILED) {
            state = State.STOPPED;
          }
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

  /** Asks the lane's thread to stop. It is interrupted only while it waits for events. */
  void askToStop(@Nullable Task task) {
    lock.lock();
    try {
      stopping = true;
      changed.signalAll();
      if (interruptible && task != null) {
        task.interrupt();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for something, until asked to stop.
   *
   * @return null if asked to stop
   * @throws InterruptedException if something else has interrupted the thread
   */
  <T> @Nullable T interruptibly(Waiting<T> waiting) throws InterruptedException {
    lock.lock();
    try {
      if (stopping) {
        return null;
      }
      interruptible = true;
    } finally {
      lock.unlock();
    }
    try {
      return waiting.await();
    } catch (InterruptedException | RuntimeException e) {
      // A pool that is interrupted while it waits for a connection throws what it likes.
      if (isStopping()) {
        return null;
      }
      if (Thread.interrupted()) {
        throw interrupted(e);
      }
      throw e;
    } finally {
      lock.lock();
      try {
        interruptible = false;
        // An interrupt that came too late must not reach the handler's or the last statement.
        Thread.interrupted();
      } finally {
        lock.unlock();
      }
    }
  }

  private static InterruptedException interrupted(Exception cause) {
    InterruptedException interrupted = new InterruptedException(cause.getMessage());
    interrupted.initCause(cause);
    return interrupted;
  }

  /** It will try again what has failed. */
  void retrying(Throwable cause) {
    update(
        () -> {
          state = State.RETRYING;
          error = cause;
        });
  }

  /** Pauses after a failure, unless asked to stop. */
  void retryAfter(Throwable cause, long millis) {
    retrying(cause);
    pause(millis);
  }

  /** Pauses, unless asked to stop. An interrupt, which is not for the lane, ends the pause. */
  void pause(long millis) {
    lock.lock();
    try {
      long remaining = TimeUnit.MILLISECONDS.toNanos(millis);
      while (remaining > 0 && !stopping) {
        remaining = changed.awaitNanos(remaining);
      }
    } catch (InterruptedException e) {
      LOG.debug("A pause was interrupted", e);
    } finally {
      lock.unlock();
    }
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

  /**
   * Something that waits.
   *
   * @param <T> for what
   */
  interface Waiting<T> {
    T await() throws InterruptedException;
  }
}
