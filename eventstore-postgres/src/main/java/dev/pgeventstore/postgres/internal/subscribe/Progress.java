package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** How far a subscription has come, and whether it is to stop. Safe for many threads. */
final class Progress {

  private final String name;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private State state = State.RUNNING;
  private Position position = Position.START;
  private Position highWaterMark = Position.START;
  private @Nullable Throwable error;
  private boolean stopping;
  private boolean interruptible;

  Progress(String name) {
    this.name = name;
  }

  void moveTo(Position reached, Position mark) {
    update(
        () -> {
          position = reached;
          highWaterMark = mark;
          state = State.RUNNING;
          error = null;
        });
  }

  /** The stored checkpoint is the truth, also when it is behind. */
  void rewindTo(Position reached) {
    update(() -> position = reached);
  }

  void stop() {
    update(() -> state = State.STOPPED);
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

  Position position() {
    return status().position();
  }

  SubscriptionStatus status() {
    lock.lock();
    try {
      return new SubscriptionStatus(
          state,
          position,
          highWaterMark,
          Optional.ofNullable(error),
          List.of(),
          0,
          List.of(),
          Optional.empty());
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

  /** Asks the subscription's thread to stop. It is interrupted only while it waits for events. */
  void askToStop(Thread thread) {
    lock.lock();
    try {
      stopping = true;
      changed.signalAll();
      if (interruptible) {
        thread.interrupt();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for something, until asked to stop.
   *
   * @return null if asked to stop
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
      throw e;
    } finally {
      lock.lock();
      try {
        interruptible = false;
        if (stopping) {
          // An interrupt that came too late must not reach the handler's or the last statement.
          Thread.interrupted();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Pauses, unless asked to stop. */
  void retryAfter(Throwable cause, long millis) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      state = State.RETRYING;
      error = cause;
      changed.signalAll();
      long remaining = TimeUnit.MILLISECONDS.toNanos(millis);
      while (remaining > 0 && !stopping) {
        remaining = changed.awaitNanos(remaining);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the subscription has come to a position. */
  void await(Position wanted, Duration timeout) throws TimeoutException, InterruptedException {
    long remaining = timeout.toNanos();
    lock.lockInterruptibly();
    try {
      while (wanted.isAfter(position)) {
        if (state == State.STOPPED || state == State.FAILED) {
          throw new IllegalStateException(
              "subscription %s has %s at position %s, before %s"
                  .formatted(name, state == State.FAILED ? "failed" : "stopped", position, wanted),
              error);
        }
        if (remaining <= 0) {
          throw new TimeoutException(
              "subscription %s is at position %s of %s settled, not yet at %s%s"
                  .formatted(
                      name,
                      position,
                      highWaterMark,
                      wanted,
                      error == null ? "" : "; it retries after " + error));
        }
        remaining = changed.awaitNanos(remaining);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Something that waits.
   *
   * @param <T> for what
   */
  interface Waiting<T> {
    T await() throws InterruptedException;
  }
}
