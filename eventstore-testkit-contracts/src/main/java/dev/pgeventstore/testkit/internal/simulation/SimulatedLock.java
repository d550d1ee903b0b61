package dev.pgeventstore.testkit.internal.simulation;

import java.util.ArrayDeque;
import java.util.Date;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** A reentrant lock of the simulation: the seed chooses the task that gets it next. */
final class SimulatedLock implements Lock {

  private static final long FOREVER = Long.MAX_VALUE;

  private final SimulatedScheduler scheduler;
  private @Nullable Object owner;
  private int holds;

  SimulatedLock(SimulatedScheduler scheduler) {
    this.scheduler = scheduler;
  }

  @Override
  public void lock() {
    scheduler.point();
    try {
      acquire(FOREVER, false);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void lockInterruptibly() throws InterruptedException {
    scheduler.point();
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    acquire(FOREVER, true);
  }

  @Override
  public boolean tryLock() {
    scheduler.point();
    return take(scheduler.holder());
  }

  @Override
  public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
    scheduler.point();
    return acquire(scheduler.after(unit.toNanos(time)), true);
  }

  private boolean acquire(long deadline, boolean interruptible) throws InterruptedException {
    Object me = scheduler.holder();
    while (!take(me)) {
      scheduler.waitFor(() -> owner == null, deadline, interruptible);
      if (interruptible && Thread.interrupted()) {
        throw new InterruptedException();
      }
      if (owner != null && deadline <= scheduler.nanoTime()) {
        return false;
      }
    }
    return true;
  }

  private boolean take(Object me) {
    if (owner != null && owner != me) {
      return false;
    }
    owner = me;
    holds++;
    return true;
  }

  @Override
  public void unlock() {
    if (scheduler.isOver()) {
      return;
    }
    requireMine();
    if (--holds == 0) {
      owner = null;
    }
    scheduler.point();
  }

  private void requireMine() {
    if (owner != scheduler.holder()) {
      throw new IllegalMonitorStateException("the lock is not held by this task");
    }
  }

  @Override
  public Condition newCondition() {
    return new Waiters();
  }

  private static final class Waiter {
    private boolean signalled;
  }

  private final class Waiters implements Condition {

    private final Deque<Waiter> waiting = new ArrayDeque<>();

    @Override
    public void await() throws InterruptedException {
      pause(FOREVER, true);
    }

    @Override
    public void awaitUninterruptibly() {
      try {
        pause(FOREVER, false);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public long awaitNanos(long nanos) throws InterruptedException {
      return pause(nanos);
    }

    private long pause(long nanos) throws InterruptedException {
      long deadline = scheduler.after(nanos);
      pause(deadline, true);
      return deadline - scheduler.nanoTime();
    }

    @Override
    public boolean await(long time, TimeUnit unit) throws InterruptedException {
      return pause(unit.toNanos(time)) > 0;
    }

    @Override
    public boolean awaitUntil(Date deadline) {
      throw new UnsupportedOperationException("the simulation has no dates");
    }

    private void pause(long deadline, boolean interruptible) throws InterruptedException {
      requireMine();
      boolean spurious = scheduler.wakesForNoReason();
      long wake = spurious ? Math.min(deadline, scheduler.after(1_000)) : deadline;
      Waiter waiter = new Waiter();
      waiting.addLast(waiter);
      Object me = scheduler.holder();
      int held = holds;
      holds = 0;
      owner = null;
      try {
        scheduler.waitFor(() -> waiter.signalled, wake, interruptible);
      } finally {
        waiting.remove(waiter);
        if (!scheduler.isOver()) {
          acquire(FOREVER, false);
          holds = held;
        }
      }
      if (interruptible && !waiter.signalled && Thread.interrupted()) {
        throw new InterruptedException();
      }
      if (owner != me) {
        throw new AssertionError("a lock was lost");
      }
    }

    @Override
    public void signal() {
      requireMine();
      Waiter first = waiting.pollFirst();
      if (first != null) {
        first.signalled = true;
      }
    }

    @Override
    public void signalAll() {
      requireMine();
      waiting.forEach(waiter -> waiter.signalled = true);
      waiting.clear();
    }
  }
}
