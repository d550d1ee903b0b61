package dev.pgeventstore.benchmarks;

import java.util.Optional;

/**
 * Something to measure.
 *
 * @param name as printed
 * @param ours how the store does it
 * @param limit what it is compared with, if there is anything to compare it with
 */
record Work(String name, Side ours, Optional<Side> limit) {

  static Work of(String name, Side ours, Side limit) {
    return new Work(name, ours, Optional.of(limit));
  }

  static Work of(String name, Side ours) {
    return new Work(name, ours, Optional.empty());
  }

  /** One of the two that are compared. */
  @FunctionalInterface
  interface Side {

    /** Does the work once, and measures it. */
    Figures measure() throws Exception;
  }
}
