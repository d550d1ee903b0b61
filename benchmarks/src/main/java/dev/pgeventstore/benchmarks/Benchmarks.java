package dev.pgeventstore.benchmarks;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;

/** Measures every work, the store and the limit in turns, and prints the results. */
public final class Benchmarks {

  private final Options options;

  Benchmarks(Options options) {
    this.options = options;
  }

  /**
   * Runs the benchmarks on their own server, or on the one that the system property {@code pg.url}
   * names.
   *
   * @param arguments options; an invalid one prints the usage
   * @throws Exception if a work could not be measured
   */
  public static void main(String[] arguments) throws Exception {
    Options options = Options.parse(arguments);
    try (PostgresServer server = Capacity.start()) {
      Results results = new Benchmarks(options).run(server);
      Path csv = options.output().resolve("benchmarks.csv");
      results.writeCsv(csv);
      Path chart = options.output().resolve("benchmarks.svg");
      Chart.of(results.ratios(), Floors.BY_WORK).write(chart);
      System.out.println();
      System.out.println(describe(options, server));
      results.print(System.out);
      System.out.println("every value: " + csv + ", chart: " + chart);
    }
  }

  Results run(PostgresServer server) throws Exception {
    Results results = new Results();
    CpuMeter meter = new CpuMeter(server);
    WarmUp warmUp = WarmUp.ofThisJvm(options.warmUp());
    try (Kinds kinds = new Kinds(server, options)) {
      for (Work work : kinds.prepare()) {
        if (!options.warmUp().isZero()) {
          System.out.printf("%s: %s%n", work.name(), warmUp.warm(() -> measure(work, true, meter)));
        }
        // All pairs of a work are measured one after the other, so that the code is compiled for
        // this work.
        for (int number = 1; number <= options.pairs(); number++) {
          Pair pair = measure(work, number % 2 == 0, meter);
          results.add(work, pair.ours, pair.limit);
          print("pair %d of %d".formatted(number, options.pairs()), work, pair);
        }
      }
    }
    return results;
  }

  private static void print(String when, Work work, Pair pair) {
    System.out.printf(
        "%s: %s: %s, limit %s%n", when, work.name(), pair.ours.byUnit(), pair.limit.byUnit());
  }

  static Pair measure(Work work, boolean oursFirst, CpuMeter meter) throws Exception {
    Figures none = new Figures(Map.of(), 0);
    Figures ours = oursFirst ? meter.measure(work.ours()) : none;
    Figures limit = work.limit().isPresent() ? meter.measure(work.limit().get()) : none;
    return new Pair(oursFirst ? ours : meter.measure(work.ours()), limit);
  }

  private static String describe(Options options, PostgresServer server) throws SQLException {
    try (Connection connection =
            new dev.pgeventstore.testkit.servers.Database(server.url("postgres")).open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("show server_version")) {
      row.next();
      return """
      PostgreSQL %s, Java %s with %d MiB of heap, %d processors, load average %.1f
      medians of %d pairs: of each side [smallest..largest], of the ratios %s; %s
      """
          .formatted(
              row.getString(1),
              Runtime.version().feature(),
              Runtime.getRuntime().maxMemory() >> 20,
              Runtime.getRuntime().availableProcessors(),
              ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
              options.pairs(),
              Interval.confidence(options.pairs(), 1) >= Interval.WANTED
                  ? "[95 % confidence interval]"
                  : "(smallest..largest), too few for a confidence interval",
              options);
    }
  }

  record Pair(Figures ours, Figures limit) {}
}
