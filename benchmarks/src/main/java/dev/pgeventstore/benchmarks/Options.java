package dev.pgeventstore.benchmarks;

import java.nio.file.Path;
import java.time.Duration;

/**
 * What a run is told on its command line.
 *
 * @param rounds how often every work is measured, after one round to warm up
 * @param seconds how long a work of open end is measured in each round
 * @param liveSeconds how long latency is measured in each round
 * @param events how many events the log holds that is read from end to end
 * @param streams how many streams there are of each length to load
 * @param only measures only works whose name contains this; empty for all
 * @param output folder of the CSV file
 */
record Options(
    int rounds,
    Duration seconds,
    Duration liveSeconds,
    int events,
    int streams,
    String only,
    Path output) {

  static final String USAGE =
      """
      options, each with its default:
        --rounds 5         rounds, after one to warm up
        --seconds 2        seconds for each work of open end, in each round
        --live-seconds 10  seconds for each measurement of latency
        --events 200000    events in the log that is read from end to end
        --streams 500      streams of each length to load
        --only ''          only works whose name contains this
        --output target    folder of the CSV file
      """;

  static Options parse(String... arguments) {
    Options options =
        new Options(
            5, Duration.ofSeconds(2), Duration.ofSeconds(10), 200_000, 500, "", Path.of("target"));
    if (arguments.length % 2 != 0) {
      throw new IllegalArgumentException("every option takes one value\n" + USAGE);
    }
    for (int i = 0; i < arguments.length; i += 2) {
      options = options.with(arguments[i], arguments[i + 1]);
    }
    return options;
  }

  private Options with(String name, String value) {
    return switch (name) {
      case "--rounds" ->
          new Options(count(name, value), seconds, liveSeconds, events, streams, only, output);
      case "--seconds" ->
          new Options(rounds, seconds(name, value), liveSeconds, events, streams, only, output);
      case "--live-seconds" ->
          new Options(rounds, seconds, seconds(name, value), events, streams, only, output);
      case "--events" ->
          new Options(rounds, seconds, liveSeconds, count(name, value), streams, only, output);
      case "--streams" ->
          new Options(rounds, seconds, liveSeconds, events, count(name, value), only, output);
      case "--only" -> new Options(rounds, seconds, liveSeconds, events, streams, value, output);
      case "--output" ->
          new Options(rounds, seconds, liveSeconds, events, streams, only, Path.of(value));
      default -> throw new IllegalArgumentException("unknown option " + name + '\n' + USAGE);
    };
  }

  private static int count(String name, String value) {
    int count = Integer.parseInt(value);
    if (count < 1) {
      throw new IllegalArgumentException(name + " is 1 or more, not " + value);
    }
    return count;
  }

  private static Duration seconds(String name, String value) {
    double seconds = Double.parseDouble(value);
    if (!(seconds > 0)) {
      throw new IllegalArgumentException(name + " is more than 0, not " + value);
    }
    return Duration.ofMillis(Math.max(1, Math.round(seconds * 1000)));
  }
}
