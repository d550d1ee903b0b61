package dev.pgeventstore.postgres.internal.scheduling;

import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;

/** Real threads and locks, and a clock that stands until it is turned. */
public final class TurnedClock implements Scheduler {

  private final Scheduler threads = Scheduler.threads();
  private final AtomicLong now;

  public TurnedClock(long start) {
    now = new AtomicLong(start);
  }

  public void turn(Duration time) {
    now.addAndGet(time.toNanos());
  }

  public void turn(long nanos) {
    now.addAndGet(nanos);
  }

  @Override
  public long nanoTime() {
    return now.get();
  }

  @Override
  public Lock newLock() {
    return threads.newLock();
  }

  @Override
  public Task start(String name, Runnable work) {
    return threads.start(name, work);
  }

  @Override
  public <T> T await(Future<T> future) throws InterruptedException, ExecutionException {
    return threads.await(future);
  }

  @Override
  public void sleep(long nanos) throws InterruptedException {
    threads.sleep(nanos);
  }
}
