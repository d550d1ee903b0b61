package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wakes what waits for a time without a thread of its own, all of an engine in one thread. What it
 * wakes must not block. Safe for many threads.
 */
final class Timer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Timer.class);

  private static final long CLOSING_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition changed;

  /** Those that are set, the earliest first. */
  private final TreeSet<Alarm> set = new TreeSet<>();

  private long alarms;
  private @Nullable Task thread;
  private boolean closed;

  Timer(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.changed = lock.newCondition();
  }

  /** An alarm that is not set yet. */
  Alarm alarm(Runnable wake) {
    lock.lock();
    try {
      return new Alarm(alarms++, wake);
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    for (Alarm due = awaitDue(); due != null; due = awaitDue()) {
      due.wake.run();
    }
  }

  private @Nullable Alarm awaitDue() {
    lock.lock();
    try {
      while (!closed) {
        long now = scheduler.nanoTime();
        if (!set.isEmpty() && set.first().at - now <= 0) {
          Alarm due = set.first();
          due.isSet = !set.remove(due);
          return due;
        }
        try {
          if (set.isEmpty()) {
            changed.await();
          } else {
            long unused = changed.awaitNanos(set.first().at - now);
          }
        } catch (InterruptedException e) {
          // Nobody interrupts it.
          LOG.debug("The timer was interrupted", e);
        }
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    Task running;
    lock.lock();
    try {
      closed = true;
      changed.signal();
      running = thread;
    } finally {
      lock.unlock();
    }
    if (running != null) {
      try {
        running.join(CLOSING_NANOS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Wakes once, when its time has come, unless it is set anew or cancelled before. */
  final class Alarm implements Comparable<Alarm> {

    private final long number;
    private final Runnable wake;
    private long at;
    private boolean isSet;

    private Alarm(long number, Runnable wake) {
      this.number = number;
      this.wake = wake;
    }

    /** Sets it, however it was set before. */
    void set(long nanos) {
      lock.lock();
      try {
        cancel();
        at = scheduler.nanoTime() + nanos;
        isSet = set.add(this);
        if (thread == null && !closed) {
          thread = scheduler.start("eventstore-timer", Timer.this::run);
        }
        if (set.first().equals(this)) {
          changed.signal();
        }
      } finally {
        lock.unlock();
      }
    }

    void cancel() {
      lock.lock();
      try {
        if (isSet) {
          isSet = !set.remove(this);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public int compareTo(Alarm other) {
      // By difference: the clock may be about to overflow.
      int earlier = Long.signum(at - other.at);
      return earlier == 0 ? Long.compare(number, other.number) : earlier;
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(number);
    }
  }
}
