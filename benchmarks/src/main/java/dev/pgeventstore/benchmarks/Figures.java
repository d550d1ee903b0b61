package dev.pgeventstore.benchmarks;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The results of one measurement.
 *
 * @param byUnit values by unit, in the order in which they are printed
 * @param operations the number of events, appends or loads; 0 if there is nothing to count
 */
record Figures(Map<String, Double> byUnit, long operations) {

  private static final double NANOS_PER_MICRO = 1e3;
  private static final double NANOS_PER_MILLI = 1e6;

  static Figures perSecond(String what, long count, long nanos) {
    return new Figures(Map.of(what + "/s", count * 1e9 / nanos), count);
  }

  /** Adds a cost of each operation, in microseconds. */
  Figures perOperation(String unit, long nanos) {
    return operations == 0 ? this : and(unit, nanos / NANOS_PER_MICRO / operations);
  }

  /** Adds a value. */
  Figures and(String unit, double value) {
    Map<String, Double> more = new LinkedHashMap<>(byUnit);
    more.put(unit, value);
    return new Figures(more, operations);
  }

  /** Adds quantiles of some latencies, in milliseconds. */
  Figures with(String what, long[] nanos, double... quantiles) {
    if (nanos.length == 0) {
      throw new IllegalStateException("nothing was measured");
    }
    long[] sorted = nanos.clone();
    Arrays.sort(sorted);
    Map<String, Double> more = new LinkedHashMap<>(byUnit);
    for (double quantile : quantiles) {
      int index = (int) Math.min(sorted.length - 1L, (long) (quantile * sorted.length));
      more.put(label(what, quantile), sorted[index] / NANOS_PER_MILLI);
    }
    return new Figures(more, operations);
  }

  private static String label(String what, double quantile) {
    String percent = Double.toString(Math.round(quantile * 1000) / 10.0).replace(".0", "");
    return (what + " p" + percent + " ms").strip();
  }
}
