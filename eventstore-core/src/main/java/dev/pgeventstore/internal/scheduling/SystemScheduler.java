package dev.pgeventstore.internal.scheduling;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Real threads, real locks, real time. */
enum SystemScheduler implements Scheduler {
  INSTANCE;

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  @Override
  public Lock newLock() {
    return new ReentrantLock();
  }

  @Override
  public Task start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
    return new ThreadTask(thread);
  }

  @Override
  public <T> T await(Future<T> future) throws InterruptedException, ExecutionException {
    return future.get();
  }

  @Override
  public void sleep(long nanos) throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(nanos);
  }

  @Override
  public void park(Object blocker) {
    LockSupport.park(blocker);
  }

  @Override
  public void park(Object blocker, long nanos) {
    LockSupport.parkNanos(blocker, nanos);
  }

  @Override
  public void unpark(@Nullable Thread thread) {
    LockSupport.unpark(thread);
  }

  @Override
  @SuppressWarnings("ThreadPriorityCheck") // the others need the processor
  public void yieldNow() {
    Thread.yield();
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
      TimeUnit.NANOSECONDS.timedJoin(thread, Math.max(1, nanos));
      return !thread.isAlive();
    }
  }
}
