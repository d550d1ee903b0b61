package dev.pgeventstore.benchmarks;

import java.util.Arrays;

/** The durations of asynchronous appends. Safe for many threads. */
final class Completions {

  private long[] latencies = new long[1024];
  private int count;
  private Throwable failure;

  synchronized void add(long nanos, Throwable failed) {
    if (failed != null) {
      failure = failed;
      return;
    }
    if (count == latencies.length) {
      latencies = Arrays.copyOf(latencies, 2 * count);
    }
    latencies[count++] = nanos;
  }

  /** The durations in nanoseconds. Fails if any append has failed. */
  synchronized long[] latencies() {
    if (failure != null) {
      throw new IllegalStateException("an append failed", failure);
    }
    return Arrays.copyOf(latencies, count);
  }
}
