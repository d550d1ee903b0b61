package dev.pgeventstore.benchmarks;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The options of a run on the command line.
 *
 * @param pairs how often every work is measured, the store and the limit directly after each other
 * @param warmUp how long every work is warmed up before that at most
 * @param seconds how long a work without a fixed end is measured each time
 * @param liveSeconds how long latency is measured each time
 * @param events the number of events in the log that is read completely
 * @param streams the number of streams of each length to load
 * @param idle the number of idle subscriptions
 * @param stored the number of events in the large store whose appends are compared with those to a
 *     small one; 0 to skip that
 * @param storedLarge the same for a store that takes minutes to fill
 * @param only measures only works whose name contains one of these; empty for all
 * @param output the folder for the CSV file and the chart
 */
record Options(
    int pairs,
    Duration warmUp,
    Duration seconds,
    Duration liveSeconds,
    int events,
    int streams,
    int idle,
    int stored,
    int storedLarge,
    List<String> only,
    Path output) {

  static final String USAGE =
      """
      options, each with its default:
        --pairs 20         measurements of each work, ours and the limit in turns
        --warm-up 60       most seconds of each work before them, until the compiler is quiet; 0 skips it
        --seconds 1        seconds for each work of open end, in each measurement
        --live-seconds 3   seconds for each measurement of latency
        --events 200000    events in the log that is read from end to end
        --streams 500      streams of each length to load
        --idle 100         subscriptions with nothing to do
        --stored 1000000   appends to a store of so many events; 0 skips it
        --stored-large 0   the same once more, such as 20000000 (about 12 GB); 0 skips it
        --only ''          only works whose name contains this; several with a comma between
        --output target    folder of the CSV file and the chart
      """;

  private static final Map<String, String> DEFAULTS = defaults();

  /** The defaults, which are read from the usage, so that they are stated only there. */
  private static Map<String, String> defaults() {
    Map<String, String> defaults = new LinkedHashMap<>();
    USAGE
        .lines()
        .map(line -> line.strip().split(" +", 3))
        .filter(words -> words[0].startsWith("--"))
        .forEach(words -> defaults.put(words[0], words[1].replace("''", "")));
    return defaults;
  }

  static Options parse(String... arguments) {
    if (arguments.length % 2 != 0) {
      throw new IllegalArgumentException("every option takes one value\n" + USAGE);
    }
    Map<String, String> values = new LinkedHashMap<>(DEFAULTS);
    for (int i = 0; i < arguments.length; i += 2) {
      if (values.replace(arguments[i], arguments[i + 1]) == null) {
        throw new IllegalArgumentException("unknown option " + arguments[i] + '\n' + USAGE);
      }
    }
    return new Options(
        count("--pairs", values, 1),
        Duration.ofSeconds(count("--warm-up", values, 0)),
        seconds("--seconds", values),
        seconds("--live-seconds", values),
        count("--events", values, 1),
        count("--streams", values, 1),
        count("--idle", values, 1),
        count("--stored", values, 0),
        count("--stored-large", values, 0),
        Arrays.stream(values.get("--only").split(","))
            .map(String::strip)
            .filter(part -> !part.isEmpty())
            .toList(),
        Path.of(values.get("--output")));
  }

  /** Whether a work is chosen. */
  boolean choose(Work work) {
    return only.isEmpty() || only.stream().anyMatch(work.name()::contains);
  }

  private static int count(String name, Map<String, String> values, int least) {
    int count = Integer.parseInt(values.get(name));
    if (count < least) {
      throw new IllegalArgumentException("%s is %d or more, not %d".formatted(name, least, count));
    }
    return count;
  }

  private static Duration seconds(String name, Map<String, String> values) {
    double seconds = Double.parseDouble(values.get(name));
    if (!(seconds > 0)) {
      throw new IllegalArgumentException(name + " is more than 0, not " + seconds);
    }
    return Duration.ofMillis(Math.max(1, Math.round(seconds * 1000)));
  }
}
