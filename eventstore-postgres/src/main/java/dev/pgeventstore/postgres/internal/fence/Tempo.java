package dev.pgeventstore.postgres.internal.fence;

import java.util.concurrent.TimeUnit;

/**
 * How soon after one observation the next may follow: at once while little happens, later the more
 * does. An observation costs the same however much it finds, and so does each reader's page and
 * transaction; with fewer of them, more is left for those who append. Not safe for several threads.
 */
final class Tempo {

  /** However many commits there are, more observations than this would only take their CPU. */
  static final long SHORTEST = TimeUnit.MILLISECONDS.toNanos(1);

  static final long LONGEST = TimeUnit.MILLISECONDS.toNanos(20);

  /** Up to so many positions a second nobody is kept waiting for others' sake. */
  private static final double UNHURRIED = 500;

  private static final double WINDOW = TimeUnit.MILLISECONDS.toNanos(100);

  private static final double MOST = UNHURRIED * LONGEST / SHORTEST;

  /** Positions a second, those of late counting more. */
  private double rate;

  private long at;

  /**
   * Takes in an observation.
   *
   * @param found how far the order has grown since the one before
   * @param now in nanoseconds, on any clock
   */
  void found(long found, long now) {
    double faded = rate * Math.exp(-(now - at) / WINDOW);
    rate = Math.min(MOST, faded + found * (TimeUnit.SECONDS.toNanos(1) / WINDOW));
    at = now;
  }

  /** The time between the beginnings of two observations. */
  long pause() {
    return Math.max(SHORTEST, (long) (SHORTEST * (rate / UNHURRIED)));
  }
}
