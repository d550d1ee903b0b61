package dev.pgeventstore.internal;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Lengths of time as numbers that can be added to a clock. A caller that waits without a limit may
 * pass a duration that no {@code long} of nanoseconds holds.
 */
public final class Durations {

  /** 73 years: a deadline that far away is still after now, as {@link System#nanoTime} compares. */
  private static final long LONGEST_NANOS = Long.MAX_VALUE / 4;

  private static final Duration LONGEST = Duration.ofNanos(LONGEST_NANOS);
  private static final Duration SHORTEST = LONGEST.negated();

  private Durations() {}

  /**
   * As nanoseconds.
   *
   * @param time any length of time, negative too
   * @return its nanoseconds, at most 73 years' either way
   */
  public static long nanos(Duration time) {
    return bounded(time).toNanos();
  }

  /**
   * As milliseconds, rounded up, so that a short wait is one.
   *
   * @param time any length of time, negative too
   * @return its milliseconds, at most 73 years' either way
   */
  public static long millis(Duration time) {
    return TimeUnit.NANOSECONDS.toMillis(bounded(time).plusNanos(999_999).toNanos());
  }

  private static Duration bounded(Duration time) {
    if (time.compareTo(LONGEST) > 0) {
      return LONGEST;
    }
    return time.compareTo(SHORTEST) < 0 ? SHORTEST : time;
  }
}
