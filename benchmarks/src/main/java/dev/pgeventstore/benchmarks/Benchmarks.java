package dev.pgeventstore.benchmarks;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;

/** Measures every work, ours and the limit in turns, and prints the table. */
public final class Benchmarks {

  private final Options options;

  Benchmarks(Options options) {
    this.options = options;
  }

  /**
   * Runs the benchmarks on a server of its own, or on the one that the system property {@code
   * pg.url} names.
   *
   * @param arguments options; a wrong one explains them all
   * @throws Exception if something could not be measured
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
    try (Kinds kinds = new Kinds(server, options)) {
      List<Work> works = kinds.prepare();
      for (Work work : works) {
        // A turn of one writer is too short for the compiler: all of an append took it 20 s.
        for (int turn = 1; turn <= options.warmUp(); turn++) {
          print("warm-up", work, measure(work, true));
        }
      }
      for (int round = 1; round <= options.rounds(); round++) {
        for (Work work : works) {
          Pair pair = measure(work, round % 2 == 0);
          results.add(work, pair.ours, pair.limit);
          print("round %d of %d".formatted(round, options.rounds()), work, pair);
        }
      }
    }
    return results;
  }

  private static void print(String when, Work work, Pair pair) {
    System.out.printf(
        "%s: %s: %s, limit %s%n", when, work.name(), pair.ours.byUnit(), pair.limit.byUnit());
  }

  private static Pair measure(Work work, boolean oursFirst) throws Exception {
    Figures none = new Figures(Map.of());
    Figures ours = oursFirst ? work.ours().measure() : none;
    Figures limit = work.limit().isPresent() ? work.limit().get().measure() : none;
    return new Pair(oursFirst ? ours : work.ours().measure(), limit);
  }

  private static String describe(Options options, PostgresServer server) throws SQLException {
    try (Connection connection =
            new dev.pgeventstore.testkit.servers.Database(server.url("postgres")).open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("show server_version")) {
      row.next();
      return """
      PostgreSQL %s, Java %s with %d MiB of heap, %d processors, load average %.1f
      medians of %d rounds [smallest..largest]; %s
      """
          .formatted(
              row.getString(1),
              Runtime.version().feature(),
              Runtime.getRuntime().maxMemory() >> 20,
              Runtime.getRuntime().availableProcessors(),
              ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
              options.rounds(),
              options);
    }
  }

  private record Pair(Figures ours, Figures limit) {}
}
