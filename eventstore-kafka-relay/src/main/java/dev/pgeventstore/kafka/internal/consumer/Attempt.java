package dev.pgeventstore.kafka.internal.consumer;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * How some records are handled.
 *
 * @param number 1 for the first attempt
 * @param isStopping whether a handler whose work is long should give up
 * @param waitForMark how long a mark that another transaction has locked is waited for
 */
public record Attempt(int number, BooleanSupplier isStopping, Duration waitForMark) {

  /** Of a caller that counts no attempts. */
  public static Attempt only(Duration waitForMark) {
    return new Attempt(1, () -> false, waitForMark);
  }
}
