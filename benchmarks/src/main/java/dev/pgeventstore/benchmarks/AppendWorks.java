package dev.pgeventstore.benchmarks;

import java.util.List;

/**
 * Appends by threads that wait for each response. The store's threads share a pool of {@value
 * Stage#STORE_POOL} connections; each thread of the limit has its own connection.
 */
final class AppendWorks implements Works {

  static final int MOST_WRITERS = 128;

  private final Options options;
  private final Writers writers;
  private final int plainConnections;

  AppendWorks(Options options, Writers writers, int plainConnections) {
    this.options = options;
    this.writers = writers;
    this.plainConnections = plainConnections;
  }

  @Override
  public List<Work> all() {
    return List.of(
        append(1, 1), append(8, 1), append(32, 1), append(MOST_WRITERS, 1), append(8, 100));
  }

  private Work append(int threads, int events) {
    Crew ours = new Crew(threads, options.seconds());
    Crew limit = new Crew(Math.min(threads, plainConnections), options.seconds());
    return Work.of(
        "append %d event%s, %d writer%s"
            .formatted(events, events == 1 ? "" : "s", threads, threads == 1 ? "" : "s"),
        () -> ours.run(thread -> writers.appender(events)).withLatencies("events", events),
        () -> limit.run(thread -> writers.inserter(events)).withLatencies("events", events));
  }
}
