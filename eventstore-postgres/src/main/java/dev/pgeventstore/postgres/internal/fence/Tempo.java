package dev.pgeventstore.postgres.internal.fence;

import java.util.concurrent.TimeUnit;

/**
 * How soon after one observation the next may follow: at once while little happens, later the more
 * does, and later still where observations take long, because the processors have much to do. An
 * observation costs the same however much it finds, and so does each reader's page and transaction;
 * with fewer of them, more is left for those who append. Not safe for several threads.
 */
final class Tempo {

  /** However many commits there are, more observations than this would only take their CPU. */
  static final long SHORTEST = TimeUnit.MILLISECONDS.toNanos(1);

  /** With nobody to wake; with a crowd three times as long. */
  static final long LONGEST = TimeUnit.MILLISECONDS.toNanos(20);

  private static final int CROWD = 8;

  /** Up to so many positions a second nobody is kept waiting for others' sake. */
  private static final double UNHURRIED = 400;

  /** What an observation takes where there is nothing else to do. */
  private static final double QUICK = TimeUnit.MICROSECONDS.toNanos(200);

  private static final double WINDOW = TimeUnit.MILLISECONDS.toNanos(100);

  private static final double MOST = UNHURRIED * (LONGEST + SHORTEST) / SHORTEST;

  /** Of an observation among those before. */
  private static final double WEIGHT = 0.1;

  /** Positions a second, those of late counting more. */
  private double rate;

  private double took = QUICK;
  private long at;

  /**
   * Takes in an observation.
   *
   * @param found how far the order has grown since the one before
   * @param began in nanoseconds, on any clock
   * @param nanos how long it took
   */
  void found(long found, long began, long nanos) {
    double faded = rate * Math.exp(-(began - at) / WINDOW);
    rate = Math.min(MOST, faded + found * (TimeUnit.SECONDS.toNanos(1) / WINDOW));
    took += WEIGHT * (nanos - took);
    at = began;
  }

  /**
   * The time between the beginnings of two observations.
   *
   * @param readers who are woken by what is found, each to a transaction of its own
   */
  long pause(int readers) {
    double much = Math.max(0, rate - UNHURRIED) / UNHURRIED;
    double slow = Math.max(1, took / QUICK);
    double crowd = 1 + 2.0 * Math.min(readers, CROWD) / CROWD;
    return (long) Math.min(crowd * LONGEST, SHORTEST * (1 + much * slow * crowd));
  }
}
