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

/** What was measured, round by round. */
final class Results {

  private static final String LINE = "%-58s %-26s %22s %22s %13s%n";

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

  /** How often a work was measured; 0 for one that was not. */
  int rounds(String work) {
    return all.entrySet().stream()
        .filter(entry -> entry.getKey().work.equals(work))
        .mapToInt(entry -> entry.getValue().ours.size())
        .findFirst()
        .orElse(0);
  }

  /** Prints medians, with the smallest and the largest in brackets. */
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
          spread(series.ratios));
      last = key.work;
    }
  }

  /**
   * Ours to the limit, by work, of the first unit of each: how much was done, or the time it took.
   */
  List<Ratio> ratios() {
    Map<String, Ratio> first = new LinkedHashMap<>();
    all.forEach(
        (key, series) -> {
          List<Double> sorted = series.ratios.stream().sorted().toList();
          if (!sorted.get(0).isNaN()) {
            first.putIfAbsent(
                key.work,
                new Ratio(
                    key.work,
                    key.unit,
                    median(sorted),
                    sorted.get(0),
                    sorted.get(sorted.size() - 1)));
          }
        });
    return List.copyOf(first.values());
  }

  /** The median of all rounds, and its spread. */
  record Ratio(String work, String unit, double median, double smallest, double largest) {}

  private static String spread(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    if (sorted.get(0).isNaN()) {
      return "-";
    }
    return "%s [%s..%s]"
        .formatted(
            number(median(sorted)), number(sorted.get(0)), number(sorted.get(sorted.size() - 1)));
  }

  private static double median(List<Double> sorted) {
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.0f", value);
  }

  /** Writes a line for every value. */
  void writeCsv(Path file) throws IOException {
    List<String> lines = new ArrayList<>(List.of("work,unit,round,ours,limit"));
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

    /** Of each round, whose two sides were measured one right after the other. */
    private final List<Double> ratios = new ArrayList<>();

    void add(double oursNow, double limitNow) {
      ours.add(oursNow);
      limit.add(limitNow);
      ratios.add(oursNow / limitNow);
    }
  }
}
