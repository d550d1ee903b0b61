package dev.pgeventstore.examples.loans;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.function.Consumer;

/** Counts what an import has done, and says so once a second. Safe for many threads. */
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

  /** One more application is in the store: so many events are new there, so many are not. */
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

  /** What was done up to now. */
  synchronized Summary summary() {
    return new Summary(
        applications, appended, alreadyThere, Duration.between(begin, clock.instant()));
  }

  /**
   * What an import has done.
   *
   * @param applications in the store, of those in the file
   * @param appended events that the import has appended
   * @param alreadyThere events that the store had before
   * @param took how long it took
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
