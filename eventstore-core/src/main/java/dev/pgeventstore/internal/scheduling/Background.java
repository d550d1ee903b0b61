package dev.pgeventstore.internal.scheduling;

import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread of a part of the engine: it is started when there is first something to do, waits
 * for more, and ends when it is closed. The part guards what it knows by the lock. Nothing of the
 * engine interrupts the thread: an interrupt is what a data source, a driver or a listener has left
 * behind, and ends no wait. Safe for many threads.
 */
public final class Background {

  private static final Logger LOG = LoggerFactory.getLogger(Background.class);

  private final Scheduler scheduler;
  private final String name;
  private final Runnable work;
  private final Lock lock;
  private final Condition changed;
  private @Nullable Task thread;
  private boolean closed;

  /**
   * No thread yet.
   *
   * @param name of the thread
   * @param work what it does, until {@link #isClosed}
   */
  public Background(Scheduler scheduler, String name, Runnable work) {
    this.scheduler = scheduler;
    this.name = name;
    this.work = work;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
  }

  public Lock lock() {
    return lock;
  }

  // With the lock.

  /** Starts the thread, unless it has been started or this is closed. */
  public void start() {
    if (thread == null && !closed) {
      thread = scheduler.start(name, work);
    }
  }

  /** Something has changed: the thread looks again. */
  public void signal() {
    changed.signal();
  }

  public boolean isClosed() {
    return closed;
  }

  /**
   * Waits until something has changed, which may also end for no reason.
   *
   * @param nanos for how long at most; the largest number for as long as it takes
   */
  @SuppressWarnings("WaitNotInLoop") // it is, in the work
  public void await(long nanos) {
    try {
      if (nanos == Long.MAX_VALUE) {
        changed.await();
      } else {
        long unused = changed.awaitNanos(nanos);
      }
    } catch (InterruptedException e) {
      LOG.debug("{} was interrupted", name, e);
    }
  }

  // Without it.

  /** Waits while time passes. For the thread. */
  public void pause(long nanos) {
    try {
      scheduler.sleep(nanos);
    } catch (InterruptedException e) {
      LOG.debug("{} was interrupted", name, e);
    }
  }

  /**
   * Closes several: all are told, and then waited for. An interrupt is kept, and does not end that.
   *
   * @param nanos for how long at most, all together
   */
  public static void close(Scheduler scheduler, long nanos, Background... all) {
    end(all);
    long deadline = scheduler.nanoTime() + nanos;
    for (Background one : all) {
      one.join(deadline);
    }
  }

  /** The same, waiting for none. */
  public static void end(Background... all) {
    for (Background one : all) {
      one.lock.lock();
      try {
        one.closed = true;
        one.changed.signalAll();
      } finally {
        one.lock.unlock();
      }
    }
  }

  private void join(long deadline) {
    Task running = thread;
    if (running == null) {
      return;
    }
    boolean interrupted = false;
    long left = deadline - scheduler.nanoTime();
    while (running.isAlive() && left > 0) {
      try {
        boolean unused = running.join(left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
      left = deadline - scheduler.nanoTime();
    }
    if (running.isAlive()) {
      LOG.warn("{} still waits for the database, and is closed", name);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
