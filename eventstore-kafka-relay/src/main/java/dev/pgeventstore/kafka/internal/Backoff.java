package dev.pgeventstore.kafka.internal;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;

/** Pauses between tries: they grow, and differ, so that two relays do not keep meeting. */
public final class Backoff {

  private static final long FIRST_MILLIS = 50;
  private static final long LONGEST_MILLIS = 5_000;
  private static final long REFUSED_MILLIS = 7_000;

  private final Scheduler scheduler;
  private long millis = FIRST_MILLIS;

  public Backoff(Scheduler scheduler) {
    this.scheduler = scheduler;
  }

  public Duration next() {
    // The clock is as good as chance here, and the simulation turns it.
    long pause = millis / 2 + Math.floorMod(scheduler.nanoTime(), millis / 2 + 1);
    millis = Math.min(LONGEST_MILLIS, millis * 2);
    return Duration.ofMillis(pause);
  }

  /** A long one at once: who is refused must not knock all the time, which is logged each time. */
  public Duration afterRefusal() {
    millis = LONGEST_MILLIS;
    return Duration.ofMillis(REFUSED_MILLIS - LONGEST_MILLIS / 2).plus(next().dividedBy(2));
  }

  public void reset() {
    millis = FIRST_MILLIS;
  }
}
