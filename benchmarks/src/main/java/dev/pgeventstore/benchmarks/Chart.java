package dev.pgeventstore.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The ratio of the store to the limit, as a bar for each work, in plain SVG. The scale is
 * logarithmic: twice as much and half as much have the same distance from 1. A whisker shows the
 * bounds of the confidence interval. A red mark shows the floor below which a work must not fall.
 */
final class Chart {

  private static final int NAMES = 400;
  private static final int PLOT = 420;
  private static final int VALUES = 90;
  private static final int LINE = 24;
  private static final int BAR = 14;
  private static final int TOP = 56;
  private static final int BOTTOM = 48;
  private static final double[] TICKS = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100};

  private final List<Results.Ratio> ratios;
  private final Map<String, Double> floors;
  private final double least;
  private final double most;
  private final StringBuilder svg = new StringBuilder();

  private Chart(List<Results.Ratio> ratios, Map<String, Double> floors) {
    this.ratios = ratios;
    this.floors = floors;
    this.least =
        tickBelow(ratios.stream().mapToDouble(ratio -> ratio.interval().lower()).min().orElse(1));
    this.most =
        tickAbove(ratios.stream().mapToDouble(ratio -> ratio.interval().upper()).max().orElse(1));
  }

  /** Creates a chart. Floors are keyed by the names of works. */
  static Chart of(List<Results.Ratio> ratios, Map<String, Double> floors) {
    return new Chart(ratios, floors);
  }

  private static double tickBelow(double value) {
    double below = TICKS[0];
    for (double tick : TICKS) {
      if (tick <= Math.min(value, 0.2)) {
        below = tick;
      }
    }
    return below;
  }

  private static double tickAbove(double value) {
    for (double tick : TICKS) {
      if (tick >= Math.max(value, 2)) {
        return tick;
      }
    }
    return TICKS[TICKS.length - 1];
  }

  void write(Path file) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.writeString(file, text());
  }

  String text() {
    int height = TOP + ratios.size() * LINE + BOTTOM;
    svg.setLength(0);
    add(
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" \
        viewBox="0 0 %1$d %2$d" font-family="sans-serif" font-size="12" fill="#24292f">
        <title>Ours to the limit, by work</title>
        <rect width="%1$d" height="%2$d" fill="#ffffff"/>
        <text x="12" y="24" font-size="15" font-weight="bold">Ours ÷ limit</text>
        <text x="12" y="42" fill="#57606a">median of the pairs, with its 95 %% confidence interval; \
        1 is the limit; logarithmic</text>
        """,
        NAMES + PLOT + VALUES, height);
    grid(TOP + ratios.size() * LINE);
    for (int i = 0; i < ratios.size(); i++) {
      bar(ratios.get(i), TOP + i * LINE);
    }
    legend(height - 14);
    return svg.append("</svg>\n").toString();
  }

  private void grid(int bottom) {
    for (double tick : TICKS) {
      if (tick >= least && tick <= most) {
        add(
            """
            <line x1="%1$.1f" y1="%2$d" x2="%1$.1f" y2="%3$d" stroke="%4$s"/>
            <text x="%1$.1f" y="%5$d" text-anchor="middle" fill="#57606a">%6$s</text>
            """,
            x(tick), TOP - 4, bottom, tick == 1 ? "#24292f" : "#d0d7de", bottom + 14, number(tick));
      }
    }
  }

  private void bar(Results.Ratio ratio, int top) {
    double end = x(ratio.interval().median());
    int middle = top + LINE / 2;
    add(
        """
        <text x="%d" y="%d" text-anchor="end">%s</text>
        <rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>
        <line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#24292f"/>
        <text x="%d" y="%d">%s</text>
        """,
        NAMES - 8,
        middle + 4,
        escaped(ratio.unit().endsWith("/s") ? ratio.work() : ratio.work() + ", time"),
        Math.min(end, x(1)),
        middle - BAR / 2,
        Math.abs(end - x(1)),
        BAR,
        ratio.unit().endsWith("/s") ? "#2f6fb0" : "#8250a8",
        x(ratio.interval().lower()),
        middle,
        x(ratio.interval().upper()),
        middle,
        NAMES + PLOT + 10,
        middle + 4,
        number(ratio.interval().median()));
    if (floors.containsKey(ratio.work())) {
      mark(floors.get(ratio.work()), middle);
    }
  }

  private void mark(double floor, int middle) {
    add(
        """
        <line x1="%1$.1f" y1="%2$d" x2="%1$.1f" y2="%3$d" stroke="#c62828" stroke-width="3"/>
        """,
        x(floor), middle - BAR / 2 - 2, middle + BAR / 2 + 2);
  }

  private void legend(int baseline) {
    add(
        """
        <rect x="12" y="%1$d" width="14" height="10" fill="#2f6fb0"/>
        <text x="32" y="%2$d">done in some time: more is better</text>
        <rect x="252" y="%1$d" width="14" height="10" fill="#8250a8"/>
        <text x="272" y="%2$d">time taken: less is better</text>
        <line x1="452" y1="%3$d" x2="452" y2="%2$d" stroke="#c62828" stroke-width="3"/>
        <text x="462" y="%2$d">floor</text>
        """,
        baseline - 9, baseline, baseline - 11);
  }

  /** The x coordinate of a ratio. A ratio beyond the scale is drawn at its edge. */
  private double x(double ratio) {
    double inside = Math.min(most, Math.max(least, ratio));
    return NAMES + PLOT * Math.log(inside / least) / Math.log(most / least);
  }

  private static String number(double value) {
    String digits = String.format(Locale.ROOT, "%.2f", value);
    return digits.replaceFirst("\\.?0+$", "");
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private void add(String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values));
  }
}
