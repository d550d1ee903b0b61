package dev.pgeventstore.kafka.internal;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** What a client of Kafka's will answer. Safe for many threads. */
public final class Answer<T> {

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition come;
  private boolean isThere;
  private @Nullable T value;
  private @Nullable Throwable failure;

  public Answer(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.come = lock.newCondition();
  }

  /** It is there: a value, or a failure. */
  public void is(@Nullable T given, @Nullable Throwable failed) {
    lock.lock();
    try {
      value = given;
      failure = failed;
      isThere = true;
      come.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for it.
   *
   * @throws ExecutionException if it is a failure
   * @throws TimeoutException if it does not come in time
   */
  public @Nullable T await(Duration atMost)
      throws InterruptedException, ExecutionException, TimeoutException {
    long deadline = scheduler.nanoTime() + Durations.nanos(atMost);
    lock.lock();
    try {
      while (!isThere) {
        long remaining = deadline - scheduler.nanoTime();
        if (remaining <= 0) {
          throw new TimeoutException("there is no answer after " + atMost.toSeconds() + " s");
        }
        long unused = come.awaitNanos(remaining);
      }
      if (failure != null) {
        throw new ExecutionException(failure);
      }
      return value;
    } finally {
      lock.unlock();
    }
  }
}
