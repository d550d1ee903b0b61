package dev.pgeventstore.internal.scheduling;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * Threads, locks and time for everything in the engine that runs concurrently. In production it is
 * {@link #threads}; the deterministic simulation has one that runs a single thread at a time,
 * chooses by a seed which one continues, and advances the clock itself.
 *
 * <p>Code that is given a scheduler starts no thread, takes no lock, reads no clock and waits for
 * nothing in any other way, or the simulation cannot replay it. Safe for many threads.
 */
public interface Scheduler {

  /**
   * The scheduler of production: daemon threads, reentrant locks, the system's clock.
   *
   * @return the one instance
   */
  static Scheduler threads() {
    return SystemScheduler.INSTANCE;
  }

  /** The time in nanoseconds, on a clock that only moves forward and starts anywhere. */
  long nanoTime();

  /** A new reentrant lock. Its conditions wait by this scheduler's clock. */
  Lock newLock();

  /**
   * Starts a daemon thread.
   *
   * @param name for thread dumps
   * @param work what it does
   */
  Task start(String name, Runnable work);

  /**
   * Waits for a result that another task produces.
   *
   * @throws InterruptedException if the waiting task is interrupted
   * @throws ExecutionException if the other task failed
   */
  <T> T await(Future<T> future) throws InterruptedException, ExecutionException;

  /** Pauses the calling task. */
  void sleep(long nanos) throws InterruptedException;

  /**
   * Waits until another thread has {@link #unpark unparked} the calling one, which may be before
   * this call, or until it is interrupted. An interrupt is kept. May also end for no reason.
   *
   * @param blocker for thread dumps
   */
  void park(Object blocker);

  /** The same, for some time at most. */
  void park(Object blocker, long nanos);

  /** Resumes a thread that is {@link #park parked} or about to be. */
  void unpark(@Nullable Thread thread);

  /** Lets other threads run first, for a moment. */
  void yieldNow();

  /** A thread that was started. */
  interface Task {

    /** Whether it has not ended. */
    boolean isAlive();

    /** Whether it is the caller. */
    boolean isCurrent();

    /** Interrupts it. */
    void interrupt();

    /**
     * Waits until it has ended.
     *
     * @param nanos for how long at most
     * @return whether it has ended
     */
    boolean join(long nanos) throws InterruptedException;
  }
}
