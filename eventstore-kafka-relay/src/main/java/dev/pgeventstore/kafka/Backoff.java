package dev.pgeventstore.kafka;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;

/** Pauses between tries: they grow, and differ, so that two relays do not keep meeting. */
final class Backoff {

  private static final long FIRST_MILLIS = 50;
  private static final long LONGEST_MILLIS = 5_000;
  private static final long REFUSED_MILLIS = 7_000;

  private final Scheduler scheduler;
  private long millis = FIRST_MILLIS;

  Backoff(Scheduler scheduler) {
    this.scheduler = scheduler;
  }

  Duration next() {
    // The clock is as good as chance here, and the simulation turns it.
    long pause = millis / 2 + Math.floorMod(scheduler.nanoTime(), millis / 2 + 1);
    millis = Math.min(LONGEST_MILLIS, millis * 2);
    return Duration.ofMillis(pause);
  }

  /** A long one at once: who is refused must not knock all the time, which is logged each time. */
  Duration afterRefusal() {
    millis = LONGEST_MILLIS;
    return Duration.ofMillis(REFUSED_MILLIS - LONGEST_MILLIS / 2).plus(next().dividedBy(2));
  }

  void reset() {
    millis = FIRST_MILLIS;
  }
}
