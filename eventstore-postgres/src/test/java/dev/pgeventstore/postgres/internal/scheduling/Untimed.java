package dev.pgeventstore.postgres.internal.scheduling;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.Date;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Real threads and locks, without time, for the model checker: short times pass at once, and a long
 * one never does. So no wait ends because its time is over, and a signal that is missed is found.
 */
public final class Untimed implements Scheduler {

  private static final long NEVER = TimeUnit.HOURS.toNanos(1);

  private final AtomicLong now = new AtomicLong();

  @Override
  public long nanoTime() {
    return now.get();
  }

  @Override
  public Lock newLock() {
    return new UntimedLock();
  }

  @Override
  public Task start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
    return task(thread);
  }

  /** A thread that was started otherwise. */
  public static Task task(Thread thread) {
    return new ThreadTask(thread);
  }

  @Override
  public <T> T await(Future<T> future) throws InterruptedException, ExecutionException {
    return future.get();
  }

  @Override
  public void park(Object blocker, long nanos) {
    now.addAndGet(nanos);
  }

  @Override
  public void sleep(long nanos) {
    now.addAndGet(nanos);
  }

  @Override
  public void park(Object blocker) {
    throw new UnsupportedOperationException("the model checker wakes what is parked");
  }

  @Override
  public void unpark(@Nullable Thread thread) {
    throw new UnsupportedOperationException("the model checker wakes what is parked");
  }

  @Override
  public void yieldNow() {
    Scheduler.threads().yieldNow();
  }

  private final class UntimedLock extends ReentrantLock {
    private static final long serialVersionUID = 1L;

    @Override
    public Condition newCondition() {
      return new UntimedCondition(super.newCondition());
    }
  }

  private final class UntimedCondition implements Condition {
    private final Condition condition;

    UntimedCondition(Condition condition) {
      this.condition = condition;
    }

    @Override
    public void await() throws InterruptedException {
      condition.await();
    }

    @Override
    public void awaitUninterruptibly() {
      condition.awaitUninterruptibly();
    }

    @Override
    public long awaitNanos(long nanos) throws InterruptedException {
      if (nanos >= NEVER) {
        condition.await();
        return nanos;
      }
      now.addAndGet(nanos);
      return 0;
    }

    @Override
    public boolean await(long time, TimeUnit unit) throws InterruptedException {
      return awaitNanos(unit.toNanos(time)) > 0;
    }

    @Override
    public boolean awaitUntil(Date deadline) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void signal() {
      condition.signal();
    }

    @Override
    public void signalAll() {
      condition.signalAll();
    }
  }

  private record ThreadTask(Thread thread) implements Task {

    @Override
    public boolean isAlive() {
      return thread.isAlive();
    }

    @Override
    public boolean isCurrent() {
      return Thread.currentThread() == thread;
    }

    @Override
    public void interrupt() {
      thread.interrupt();
    }

    @Override
    public boolean join(long nanos) throws InterruptedException {
      thread.join();
      return true;
    }
  }
}
