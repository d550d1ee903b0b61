package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.TreeSet;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * Wakes what waits for a time without a thread of its own, all of an engine in one thread. What it
 * wakes must not block. Safe for many threads.
 */
final class Timer {

  private final Scheduler scheduler;
  private final Background thread;
  private final Lock lock;

  /** Those that are set, the earliest first. */
  private final TreeSet<Alarm> set = new TreeSet<>();

  private long alarms;

  Timer(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.thread = new Background(scheduler, "eventstore-timer", this::run);
    this.lock = thread.lock();
  }

  /** To be closed. */
  Background thread() {
    return thread;
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
      while (!thread.isClosed()) {
        long now = scheduler.nanoTime();
        if (!set.isEmpty() && set.first().at - now <= 0) {
          Alarm due = set.first();
          due.isSet = !set.remove(due);
          return due;
        }
        thread.await(set.isEmpty() ? Long.MAX_VALUE : set.first().at - now);
      }
      return null;
    } finally {
      lock.unlock();
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
        thread.start();
        if (set.first().equals(this)) {
          thread.signal();
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
