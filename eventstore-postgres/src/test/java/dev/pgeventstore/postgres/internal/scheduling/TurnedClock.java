package dev.pgeventstore.postgres.internal.scheduling;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Real threads and locks, and a clock that a test turns forward. */
public final class TurnedClock implements Scheduler {

  private final Scheduler threads = Scheduler.threads();
  private final LongSupplier untouched;
  private final AtomicLong turned = new AtomicLong();

  private TurnedClock(LongSupplier untouched) {
    this.untouched = untouched;
  }

  /** A clock that stands until it is turned. */
  public static TurnedClock standing(long now) {
    return new TurnedClock(() -> now);
  }

  /** The system's clock, until it is turned: then it is ahead. */
  public static TurnedClock running() {
    return new TurnedClock(System::nanoTime);
  }

  public void turn(Duration time) {
    turn(time.toNanos());
  }

  public void turn(long nanos) {
    turned.addAndGet(nanos);
  }

  @Override
  public long nanoTime() {
    return untouched.getAsLong() + turned.get();
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

  @Override
  public void park(Object blocker) {
    threads.park(blocker);
  }

  @Override
  public void park(Object blocker, long nanos) {
    threads.park(blocker, nanos);
  }

  @Override
  public void unpark(@Nullable Thread thread) {
    threads.unpark(thread);
  }

  @Override
  public void yieldNow() {
    threads.yieldNow();
  }
}
