package dev.pgeventstore.benchmarks;

import java.util.Map;

/** The ratio below which the store should not fall, for each work. The chart marks it. */
final class Floors {

  static final Map<String, Double> BY_WORK =
      Map.ofEntries(
          Map.entry("append 1 event, 1 writer", 0.7),
          Map.entry("append 1 event, 8 writers", 1.1),
          Map.entry("append 1 event, 32 writers", 1.4),
          Map.entry("append 1 event, 128 writers", 2.0),
          Map.entry("append 100 events, 8 writers", 0.9),
          Map.entry("append 1 event, 1 thread, 512 in flight", 2.5),
          Map.entry("append 1 event, 1 thread, 2048 in flight", 3.0),
          Map.entry("append 1 event, 8 writers on one stream, any version", 5.0),
          Map.entry("append 1 event, 8 writers on one stream, exact version", 2.5),
          Map.entry("append 1 event, 8 writers, live subscription : none", 0.95),
          Map.entry("append 1 event, 8 writers, 8 live subscriptions : none", 0.85),
          Map.entry("load 10 events, 8 readers", 0.9),
          Map.entry("load 100 events, 8 readers", 0.9),
          Map.entry("catch-up, decoded", 0.85),
          Map.entry("catch-up, subscription, decoded", 0.75),
          Map.entry("import by COPY", 0.8),
          Map.entry("relay, exactly once", 0.7),
          Map.entry("relay, at least once", 0.8));

  private Floors() {}
}
