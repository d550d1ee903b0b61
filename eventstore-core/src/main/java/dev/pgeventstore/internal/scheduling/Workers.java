package dev.pgeventstore.internal.scheduling;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * Does work at once, each piece in a thread of its own. A thread that is done waits a minute for
 * more before it ends, so that a reader that reads page after page starts no thread for each. Safe
 * for many threads.
 */
public final class Workers implements Executor, AutoCloseable {

  private static final long IDLE_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final Scheduler scheduler;
  private final String name;
  private final Lock lock;
  private final Condition more;
  private final Queue<Runnable> queue = new ArrayDeque<>();
  private int idle;
  private boolean closed;

  /**
   * @param name of the threads
   */
  public Workers(Scheduler scheduler, String name) {
    this.scheduler = scheduler;
    this.name = name;
    this.lock = scheduler.newLock();
    this.more = lock.newCondition();
  }

  /**
   * Does a piece of work, soon.
   *
   * @throws RejectedExecutionException if this is closed
   */
  @Override
  public void execute(Runnable work) {
    boolean anyIdle;
    lock.lock();
    try {
      if (closed) {
        throw new RejectedExecutionException(name + " does nothing more: it is closed");
      }
      queue.add(work);
      anyIdle = idle >= queue.size();
      if (anyIdle) {
        more.signal();
      }
    } finally {
      lock.unlock();
    }
    if (!anyIdle) {
      startFor(work);
    }
  }

  private void startFor(Runnable work) {
    boolean started = false;
    try {
      scheduler.start(name, this::run);
      started = true;
    } finally {
      if (!started) {
        lock.lock();
        try {
          queue.remove(work);
        } finally {
          lock.unlock();
        }
      }
    }
  }

  private void run() {
    for (Runnable work = take(); work != null; work = take()) {
      work.run();
    }
  }

  /** The next piece of work; null if there has been none for a while. */
  private @Nullable Runnable take() {
    lock.lock();
    try {
      long remaining = IDLE_NANOS;
      while (queue.isEmpty()) {
        if (closed || remaining <= 0) {
          return null;
        }
        idle++;
        try {
          remaining = more.awaitNanos(remaining);
        } catch (InterruptedException e) {
          // Nothing interrupts a thread that waits for work: the piece before has left this behind.
        } finally {
          idle--;
        }
      }
      return queue.remove();
    } finally {
      lock.unlock();
    }
  }

  /** Takes no more work. What has begun, and what waits, is done. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      more.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
