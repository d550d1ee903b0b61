package dev.pgeventstore.examples.loans;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.function.Consumer;

/** Counts what an import has done, and prints that once a second. Safe for many threads. */
final class ImportProgress {

  private static final Duration PAUSE = Duration.ofSeconds(1);

  private final Consumer<String> lines;
  private final Clock clock;
  private final Instant begin;
  private Instant nextLine;
  private long applications;
  private long appended;
  private long alreadyThere;

  ImportProgress(Consumer<String> lines, Clock clock) {
    this.lines = lines;
    this.clock = clock;
    this.begin = clock.instant();
    this.nextLine = begin.plus(PAUSE);
  }

  /**
   * Counts an application that is now in the store, with its new events and those that were already
   * stored.
   */
  synchronized void add(int newEvents, int oldEvents) {
    applications++;
    appended += newEvents;
    alreadyThere += oldEvents;
    Instant now = clock.instant();
    if (!now.isBefore(nextLine)) {
      nextLine = now.plus(PAUSE);
      lines.accept(summary().toString());
    }
  }

  /** The counts so far. */
  synchronized Summary summary() {
    return new Summary(
        applications, appended, alreadyThere, Duration.between(begin, clock.instant()));
  }

  /**
   * The counts of an import.
   *
   * @param applications the applications of the file that are in the store
   * @param appended the events that the import has appended
   * @param alreadyThere the events that were already in the store
   * @param took the duration of the import
   */
  record Summary(long applications, long appended, long alreadyThere, Duration took) {

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%,d applications: %,d events appended, %,d were there already, %,d events/s",
          applications,
          appended,
          alreadyThere,
          eventsPerSecond());
    }

    private long eventsPerSecond() {
      return (appended + alreadyThere) * 1_000 / Math.max(1, took.toMillis());
    }
  }
}
