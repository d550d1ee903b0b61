package dev.pgeventstore.benchmarks;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
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
    try (PostgresServer server = PostgresServer.start()) {
      Results results = new Benchmarks(options).run(server);
      Path csv = options.output().resolve("benchmarks.csv");
      results.writeCsv(csv);
      System.out.println();
      System.out.println(describe(options, server));
      results.print(System.out);
      System.out.println("every value: " + csv);
    }
  }

  Results run(PostgresServer server) throws Exception {
    // Each kind has a database of its own, so that the logs that are read stay as they are.
    try (Stage appending = new Stage(server);
        Stage importing = new Stage(server);
        Stage loading = new Stage(server);
        Stage reading = new Stage(server);
        Stage choosing = new Stage(server)) {
      List<Work> works = works(appending, importing, loading, reading, choosing);
      Results results = new Results();
      for (int round = 0; round <= options.rounds(); round++) {
        for (Work work : works) {
          Pair pair = measure(work, round % 2 == 0);
          if (round > 0) {
            results.add(work, pair.ours, pair.limit);
            System.out.printf(
                "round %d of %d: %s: %s, limit %s%n",
                round, options.rounds(), work.name(), pair.ours.byUnit(), pair.limit.byUnit());
          }
        }
      }
      return results;
    }
  }

  private List<Work> works(
      Stage appending, Stage importing, Stage loading, Stage reading, Stage choosing)
      throws Exception {
    AppendWorks appends = new AppendWorks(appending, options);
    List<Work> works = new ArrayList<>(appends.all());
    works.addAll(new ImportWorks(importing, options).all());
    works.addAll(new LoadWorks(loading, options).all());
    works.addAll(new CatchUpWorks(reading, options).all());
    works.addAll(new CategoryWorks(choosing, options).all());
    works.addAll(new LiveWorks(appending, options, appends).all());
    works.removeIf(work -> !work.name().contains(options.only()));
    return works;
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
