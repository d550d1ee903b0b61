package dev.pgeventstore.examples.loans;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.pool.HikariPool.PoolInitializationException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Imports a log into a database, while the tables of {@link LoanTables} follow the events as they
 * come.
 */
final class LoanRun {

  private static final Duration PATIENCE = Duration.ofMinutes(5);

  // Appending, reading for the tables, observing the fence, listening for commits.
  private static final int CONNECTIONS = 12;

  private final String pgUrl;
  private final Consumer<String> out;

  LoanRun(String pgUrl, Consumer<String> out) {
    this.pgUrl = pgUrl;
    this.out = out;
  }

  /**
   * What a run has come to.
   *
   * @param imported what was appended
   * @param figures what the tables say in the end
   */
  record Result(ImportProgress.Summary imported, LoanFigures figures) {}

  Result run(Path file) throws InterruptedException, SQLException, TimeoutException {
    try (HikariDataSource database = database();
        EventStore store =
            PostgresEventStore.builder(database)
                .codec(JacksonCodec.of(EventTypes.of(LoanEvent.class)))
                .build()) {
      LoanTables.create(database);
      try (Subscription outcomes = LoanOutcomes.start(store)) {
        ImportProgress.Summary imported = importFile(file, store);
        if (imported.last().isPresent()) {
          outcomes.awaitApplied(imported.last().get(), PATIENCE);
        }
        LoanFigures figures = LoanTables.figures(database);
        LoanReport.of(figures).forEach(out);
        return new Result(imported, figures);
      }
    }
  }

  private HikariDataSource database() {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(pgUrl);
    config.setMaximumPoolSize(CONNECTIONS);
    try {
      return new HikariDataSource(config);
    } catch (PoolInitializationException e) {
      throw new ImportException(e.getMessage(), e);
    }
  }

  private ImportProgress.Summary importFile(Path file, EventStore store)
      throws InterruptedException {
    out.accept("Importing " + file);
    ImportProgress progress =
        new ImportProgress(line -> out.accept("  " + line), Clock.systemUTC());
    try {
      new LoanImport(store, progress).run(file);
      return progress.summary();
    } finally {
      out.accept("  " + progress.summary());
    }
  }
}
