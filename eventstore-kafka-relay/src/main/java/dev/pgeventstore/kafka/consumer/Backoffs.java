package dev.pgeventstore.kafka.consumer;

import java.time.Duration;

/**
 * Pauses before retries: each twice the one before.
 *
 * @param first more than 0
 * @param longest as long or longer
 */
record Backoffs(Duration first, Duration longest) {

  private static final int MOST_DOUBLINGS = 30;

  Backoffs {
    if (first.isNegative() || first.isZero() || longest.compareTo(first) < 0) {
      throw new IllegalArgumentException(
          "pauses grow from more than nothing, not from %s to %s".formatted(first, longest));
    }
  }

  Duration pause(int retry) {
    Duration pause = first.multipliedBy(1L << Math.min(retry - 1, MOST_DOUBLINGS));
    return pause.compareTo(longest) > 0 ? longest : pause;
  }
}
