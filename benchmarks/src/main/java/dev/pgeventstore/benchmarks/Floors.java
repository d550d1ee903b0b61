package dev.pgeventstore.benchmarks;

import java.util.Map;

/** What ours to the limit must not fall below, by work. The chart marks it. */
final class Floors {

  static final Map<String, Double> BY_WORK = Map.of();

  private Floors() {}
}
