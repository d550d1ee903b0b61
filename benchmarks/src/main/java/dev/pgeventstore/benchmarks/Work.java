package dev.pgeventstore.benchmarks;

import java.util.Optional;

/**
 * Something to measure.
 *
 * @param name the name that is printed
 * @param ours the work by the store
 * @param limit the work that it is compared with, if there is any
 */
record Work(String name, Side ours, Optional<Side> limit) {

  static Work of(String name, Side ours, Side limit) {
    return new Work(name, ours, Optional.of(limit));
  }

  static Work of(String name, Side ours) {
    return new Work(name, ours, Optional.empty());
  }

  /** One of the two sides that are compared. */
  @FunctionalInterface
  interface Side {

    /** Runs the work once, and measures it. */
    Figures measure() throws Exception;
  }
}
