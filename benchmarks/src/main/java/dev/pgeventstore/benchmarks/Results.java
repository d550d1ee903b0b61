package dev.pgeventstore.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The measured values, pair by pair. */
final class Results {

  /**
   * The load by other processes, in percent of the machine, from which on a measurement is of
   * little use.
   */
  private static final double MUCH_FOREIGN = 10;

  private static final String LINE = "%-58s %-26s %24s %24s %20s%n";

  private final Map<Key, Series> all = new LinkedHashMap<>();

  void add(Work work, Figures ours, Figures limit) {
    ours.byUnit()
        .forEach(
            (unit, value) ->
                series(work, unit).add(value, limit.byUnit().getOrDefault(unit, Double.NaN)));
  }

  private Series series(Work work, String unit) {
    return all.computeIfAbsent(new Key(work.name(), unit), key -> new Series());
  }

  /** How often a work was measured. */
  int pairs(String work) {
    return all.entrySet().stream()
        .filter(entry -> entry.getKey().work.equals(work))
        .mapToInt(entry -> entry.getValue().ours.size())
        .findFirst()
        .orElse(0);
  }

  /**
   * Prints medians: those of both sides with the smallest and the largest value in brackets, and
   * those of the ratios with the bounds of their confidence interval. If there is no interval, the
   * ratio has the smallest and the largest value in parentheses.
   */
  void print(PrintStream out) {
    out.printf(LINE, "work", "unit", "ours", "limit", "ours/limit");
    String last = "";
    for (Map.Entry<Key, Series> entry : all.entrySet()) {
      Key key = entry.getKey();
      Series series = entry.getValue();
      out.printf(
          LINE,
          key.work.equals(last) ? "" : key.work,
          key.unit,
          spread(series.ours),
          spread(series.limit),
          key.unit.equals(CpuMeter.FOREIGN) ? "-" : interval(series.ratios));
      last = key.work;
      if (key.unit.equals(CpuMeter.FOREIGN)) {
        flag(series, out);
      }
    }
  }

  private static void flag(Series series, PrintStream out) {
    int flagged = 0;
    for (int pair = 0; pair < series.ours.size(); pair++) {
      if (series.ours.get(pair) > MUCH_FOREIGN || series.limit.get(pair) > MUCH_FOREIGN) {
        flagged++;
      }
    }
    if (flagged > 0) {
      out.printf(
          "!! In %d of %d pairs something else took more than %.0f %% of the machine.%n",
          flagged, series.ours.size(), MUCH_FOREIGN);
    }
  }

  private static String interval(List<Double> ratios) {
    Interval interval = Interval.ofMedian(ratios);
    if (Double.isNaN(interval.median())) {
      return "-";
    }
    return (interval.isConfident() ? "%s [%s..%s]" : "%s (%s..%s)")
        .formatted(number(interval.median()), number(interval.lower()), number(interval.upper()));
  }

  /**
   * The ratio of the store to the limit for each work, in its first unit: the throughput or the
   * time.
   */
  List<Ratio> ratios() {
    Map<String, Ratio> first = new LinkedHashMap<>();
    all.forEach(
        (key, series) -> {
          Interval ratio = Interval.ofMedian(series.ratios);
          if (!Double.isNaN(ratio.median())) {
            first.putIfAbsent(key.work, new Ratio(key.work, key.unit, ratio));
          }
        });
    return List.copyOf(first.values());
  }

  /** The median of all pairs, with its confidence. */
  record Ratio(String work, String unit, Interval interval) {}

  private static String spread(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    if (sorted.get(0).isNaN()) {
      return "-";
    }
    return "%s [%s..%s]"
        .formatted(
            number(Interval.median(sorted)),
            number(sorted.get(0)),
            number(sorted.get(sorted.size() - 1)));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.0f", value);
  }

  /** Writes a CSV file with a line for every value. */
  void writeCsv(Path file) throws IOException {
    List<String> lines = new ArrayList<>(List.of("work,unit,pair,ours,limit"));
    all.forEach(
        (key, series) -> {
          for (int i = 0; i < series.ours.size(); i++) {
            double limit = series.limit.get(i);
            lines.add(
                "\"%s\",%s,%d,%s,%s"
                    .formatted(
                        key.work,
                        key.unit,
                        i + 1,
                        series.ours.get(i),
                        Double.isNaN(limit) ? "" : limit));
          }
        });
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.write(file, lines);
  }

  private record Key(String work, String unit) {}

  private static final class Series {
    private final List<Double> ours = new ArrayList<>();
    private final List<Double> limit = new ArrayList<>();

    /** The ratio of each pair, whose two sides were measured directly after each other. */
    private final List<Double> ratios = new ArrayList<>();

    void add(double oursNow, double limitNow) {
      ours.add(oursNow);
      limit.add(limitNow);
      ratios.add(oursNow / limitNow);
    }
  }
}
