package dev.pgeventstore.subscription;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.subscription.Follower.State;
import dev.pgeventstore.subscription.Follower.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The progress of a follower, and whether it is to stop. Safe for many threads. */
final class FollowerProgress {

  private static final Logger LOG = LoggerFactory.getLogger(FollowerProgress.class);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Standing status =
      new Standing(State.RUNNING, Position.START, Position.START, Optional.empty());
  private String incarnation = "";
  private boolean stopping;
  private boolean interruptible;

  /**
   * It has reached a position.
   *
   * @param inIncarnation of the server, in which it was reached
   */
  void moveTo(Position position, Position highWaterMark, String inIncarnation) {
    lock.lock();
    try {
      incarnation = inIncarnation;
      update(new Standing(State.RUNNING, position, highWaterMark, Optional.empty()));
    } finally {
      lock.unlock();
    }
  }

  void end(@Nullable Throwable error) {
    Status last = status();
    update(
        new Standing(
            error == null ? State.STOPPED : State.FAILED,
            last.position(),
            last.highWaterMark(),
            Optional.ofNullable(error)));
  }

  private void update(Standing now) {
    lock.lock();
    try {
      status = now;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  Status status() {
    lock.lock();
    try {
      return status;
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

  /** Asks the follower's thread to stop. It is interrupted only while it waits for the database. */
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
   * @throws InterruptedException if something else has interrupted the thread
   */
  <T> @Nullable T unlessStopping(Waiting<T> waiting) throws InterruptedException {
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
      endInterruptible();
    }
  }

  private static InterruptedException interrupted(Exception cause) {
    InterruptedException interrupted = new InterruptedException(cause.getMessage());
    interrupted.initCause(cause);
    return interrupted;
  }

  private void endInterruptible() {
    lock.lock();
    try {
      interruptible = false;
      // An interrupt that came too late must not reach the handler.
      Thread.interrupted();
    } finally {
      lock.unlock();
    }
  }

  /** Pauses, unless asked to stop. An interrupt, which is not for the follower, ends the pause. */
  void retryAfter(Throwable cause, Duration pause) {
    lock.lock();
    try {
      status =
          new Standing(
              State.RETRYING, status.position(), status.highWaterMark(), Optional.of(cause));
      changed.signalAll();
      long remaining = Durations.nanos(pause);
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
   * Waits until the follower has reached a position, in another incarnation of the server than one.
   *
   * @return the incarnation in which it was reached
   */
  String await(Position wanted, String over, Duration timeout)
      throws TimeoutException, InterruptedException {
    long remaining = Durations.nanos(timeout);
    lock.lockInterruptibly();
    try {
      while (wanted.isAfter(status.position()) || (!over.isEmpty() && over.equals(incarnation))) {
        if (status.state() == State.STOPPED || status.state() == State.FAILED) {
          throw new IllegalStateException(
              "the follower has %s at position %s, before %s"
                  .formatted(
                      status.state() == State.FAILED ? "failed" : "stopped",
                      status.position(),
                      wanted),
              status.error().orElse(null));
        }
        if (remaining <= 0) {
          throw new TimeoutException(
              "the follower is at position %s of %s settled, not yet at %s%s"
                  .formatted(
                      status.position(),
                      status.highWaterMark(),
                      wanted,
                      status.error().map(e -> "; it retries after " + e).orElse("")));
        }
        remaining = changed.awaitNanos(remaining);
      }
      return incarnation;
    } finally {
      lock.unlock();
    }
  }

  private record Standing(
      State state, Position position, Position highWaterMark, Optional<Throwable> error)
      implements Status {}

  /**
   * Something that waits.
   *
   * @param <T> for what
   */
  interface Waiting<T> {
    T await() throws InterruptedException;
  }
}
