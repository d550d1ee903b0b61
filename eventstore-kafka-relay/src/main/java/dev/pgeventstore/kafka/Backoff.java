package dev.pgeventstore.kafka;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Pauses between tries: they grow, and differ, so that two relays do not keep meeting. */
final class Backoff {

  private static final long FIRST_MILLIS = 50;
  private static final long LONGEST_MILLIS = 5_000;

  private long millis = FIRST_MILLIS;

  Duration next() {
    long pause = ThreadLocalRandom.current().nextLong(millis / 2, millis + 1);
    millis = Math.min(LONGEST_MILLIS, millis * 2);
    return Duration.ofMillis(pause);
  }

  /** The longest at once: who is refused must not knock all the time. */
  Duration longest() {
    millis = LONGEST_MILLIS;
    return next();
  }

  void reset() {
    millis = FIRST_MILLIS;
  }
}
