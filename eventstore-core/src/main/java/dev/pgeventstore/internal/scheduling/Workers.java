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
 * Does work at once, each piece in a thread of its own, as long as there are not too many: then it
 * waits its turn. A thread that is done waits a second for more before it ends, and one waits on,
 * so that a reader that reads page after page starts no thread for each. Safe for many threads.
 */
public final class Workers implements Executor, AutoCloseable {

  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Scheduler scheduler;
  private final String name;
  private final int most;
  private final Lock lock;
  private final Condition more;
  private final Queue<Runnable> queue = new ArrayDeque<>();
  private int threads;
  private int idle;
  private boolean closed;
  private boolean retired;

  /**
   * As many threads as there is work.
   *
   * @param name of the threads
   */
  public Workers(Scheduler scheduler, String name) {
    this(scheduler, name, Integer.MAX_VALUE);
  }

  /**
   * @param name of the threads
   * @param most how many threads there are at most
   */
  public Workers(Scheduler scheduler, String name, int most) {
    this.scheduler = scheduler;
    this.name = name;
    this.most = most;
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
    boolean starts;
    lock.lock();
    try {
      if (closed) {
        throw new RejectedExecutionException(name + " does nothing more: it is closed");
      }
      queue.add(work);
      starts = startsOne();
      if (!starts) {
        more.signal();
      }
    } finally {
      lock.unlock();
    }
    if (starts) {
      startFor(work);
    }
  }

  /**
   * The same in a thread that has a name of its own meanwhile.
   *
   * @param as for thread dumps
   */
  public void execute(String as, Runnable work) {
    execute(
        () -> {
          Thread thread = Thread.currentThread();
          String before = thread.getName();
          thread.setName(as);
          try {
            work.run();
          } finally {
            thread.setName(before);
          }
        });
  }

  /** Whether what waits needs another thread, which is counted from now on. With the lock. */
  private boolean startsOne() {
    boolean starts = idle < queue.size() && threads < most;
    if (starts) {
      threads++;
    }
    return starts;
  }

  /** Work for which no thread can be started is refused, unless another thread has taken it. */
  private void startFor(Runnable work) {
    try {
      scheduler.start(name, this::run);
    } catch (RuntimeException | Error e) {
      lock.lock();
      try {
        threads--;
        if (queue.remove(work)) {
          throw e;
        }
      } finally {
        lock.unlock();
      }
    }
  }

  private void run() {
    run(IDLE_NANOS);
  }

  /**
   * Does what there is.
   *
   * @param idleNanos for how long to wait for more
   */
  private void run(long idleNanos) {
    boolean ended = false;
    try {
      for (Runnable work = take(idleNanos); work != null; work = take(idleNanos)) {
        // Clears an interrupt that was meant for the piece of work before this one.
        Thread.interrupted();
        work.run();
      }
      ended = true;
    } finally {
      if (!ended) {
        replace();
      }
    }
  }

  /** After work that has failed, which ends its thread. */
  private void replace() {
    boolean starts;
    lock.lock();
    try {
      threads--;
      starts = startsOne();
    } finally {
      lock.unlock();
    }
    if (starts) {
      try {
        scheduler.start(name, this::run);
      } catch (RuntimeException | Error e) {
        // There is no thread for it now, so this one does what waits, and fails after that.
        run(0);
      }
    }
  }

  /** The next piece of work; null if there has been none for a while. */
  private @Nullable Runnable take(long idleNanos) {
    lock.lock();
    try {
      long remaining = idleNanos;
      while (queue.isEmpty()) {
        if (closed || retired || remaining <= 0) {
          threads--;
          return null;
        }
        boolean waitsOn = idle == 0;
        idle++;
        try {
          if (waitsOn) {
            more.await();
          } else {
            remaining = more.awaitNanos(remaining);
          }
        } catch (InterruptedException e) {
          // Nothing interrupts a thread that waits for work: the work before has left this
          // interrupt behind.
        } finally {
          idle--;
        }
      }
      return queue.remove();
    } finally {
      lock.unlock();
    }
  }

  /** Accepts no more work. Work that has begun or waits is done. */
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

  /** From now on no thread waits for more work. What still comes is done. */
  public void retire() {
    lock.lock();
    try {
      retired = true;
      more.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
