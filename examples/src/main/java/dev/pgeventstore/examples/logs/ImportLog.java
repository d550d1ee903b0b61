package dev.pgeventstore.examples.logs;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.ImportProgress;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Imports any event log in XES, and then imports it once more. The second import is fast, because
 * the store keeps how far the first has come.
 *
 * <p>It uses the given database, or starts its own PostgreSQL server and removes it when it ends.
 */
public final class ImportLog {

  private static final String USAGE = "usage: ImportLog <log.xes or log.xes.gz> [<JDBC URL>]";

  private ImportLog() {}

  /**
   * Runs the example.
   *
   * @param arguments the file and, optionally, the URL of a database to use
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length < 1 || arguments.length > 2) {
      System.err.println(USAGE);
      System.exit(2);
    }
    try {
      if (arguments.length == 2) {
        run(arguments[1], Path.of(arguments[0]), System.out::println);
      } else {
        try (PostgresServer server = PostgresServer.start()) {
          run(server.createDatabase().url(), Path.of(arguments[0]), System.out::println);
        }
      }
    } catch (ImportException | EventStoreException e) {
      System.err.println(e.getMessage());
      System.exit(1);
    }
  }

  static void run(String url, Path file, Consumer<String> tell) throws InterruptedException {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(5);
    try (HikariDataSource pool = new HikariDataSource(config);
        PostgresEventStore store =
            PostgresEventStore.builder(pool)
                .codec(
                    JacksonCodec.of(
                        EventTypes.of(
                            LogImport.TraceBegun.class, LogImport.ActivityRecorded.class)))
                .build()) {
      String name = "log:" + file.getFileName();
      Consumer<ImportProgress> silent = progress -> {};
      tell.accept("The first time:  " + told(LogImport.run(store, name, file, silent)));
      tell.accept("The second time: " + told(LogImport.run(store, name, file, silent)));
    }
  }

  private static String told(ImportProgress progress) {
    return String.format(
        Locale.ROOT,
        "%,d events appended in %,d ms; the store has %,d of this log",
        progress.itemsOfThisRun(),
        progress.elapsed().toMillis(),
        progress.items());
  }
}
