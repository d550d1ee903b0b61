package dev.pgeventstore.benchmarks;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A pace of so many appends per second. */
final class Pace {

  static final int PER_SECOND = 200;

  private static final long APART_NANOS = TimeUnit.SECONDS.toNanos(1) / PER_SECOND;

  private final long started = System.nanoTime();

  /** The number of beats in some time. */
  static int beats(Duration time) {
    return Math.max(1, (int) (time.toNanos() / APART_NANOS));
  }

  /** Waits for a beat, the first of which is number 0. */
  void await(int beat) {
    long at = started + beat * APART_NANOS;
    for (long left = at - System.nanoTime(); left > 0; left = at - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }
}
