package dev.pgeventstore.examples.loans;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.pool.HikariPool.PoolInitializationException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.logs.ImportException;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Imports a log into a database. Meanwhile, a subscription keeps tables of figures, and a relay
 * publishes the events to Kafka.
 */
final class LoanRun {

  private static final Duration PATIENCE = Duration.ofMinutes(5);

  // For appending, reading for tables and topic, observing the fence, and listening for commits.
  private static final int CONNECTIONS = 12;

  private final String pgUrl;
  private final @Nullable LoanTopic topic;
  private final Consumer<String> out;

  /**
   * @param pgUrl JDBC URL of the database
   * @param topic the topic to publish to; null to publish nothing
   * @param out receives the messages, line by line
   */
  LoanRun(String pgUrl, @Nullable LoanTopic topic, Consumer<String> out) {
    this.pgUrl = pgUrl;
    this.topic = topic;
    this.out = out;
  }

  /**
   * The results of a run.
   *
   * @param imported the counts of the import
   * @param upTo the store's high-water mark after the import
   * @param figures the final figures in the tables
   * @param published the final content of the topic, if there is one
   */
  record Result(
      ImportProgress.Summary imported,
      Position upTo,
      LoanFigures figures,
      Optional<LoanTopic.Content> published) {}

  /**
   * Runs until everything is imported, counted and published.
   *
   * @throws ImportException if the file is damaged or differs from what the store has
   * @throws dev.pgeventstore.EventStoreException if the database fails
   * @throws IllegalStateException if the counting or the publishing stopped
   */
  Result run(Path file) throws InterruptedException, SQLException, TimeoutException {
    try (HikariDataSource database = database();
        EventStore store =
            PostgresEventStore.builder(database)
                .codec(JacksonCodec.of(EventTypes.of(LoanEvent.class)))
                .build()) {
      LoanTables.create(database);
      try (Subscription tables = LoanOutcomes.start(store);
          KafkaRelay relay = topic == null ? null : topic.follow(store)) {
        ImportProgress.Summary imported = importFile(file, store);
        Position last = store.highWaterMark();
        tables.awaitApplied(last, PATIENCE);
        if (relay != null) {
          relay.awaitPublished(last, PATIENCE);
        }
        LoanFigures figures = LoanTables.figures(database);
        Optional<LoanTopic.Content> published = readBack(figures, store);
        LoanReport.of(figures, published).forEach(out);
        return new Result(imported, last, figures, published);
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

  private Optional<LoanTopic.Content> readBack(LoanFigures figures, EventStore store)
      throws InterruptedException {
    if (topic == null) {
      return Optional.empty();
    }
    LoanTopic.Content published = topic.verify();
    if (published.events() != figures.events()
        || published.applications() != figures.applications()) {
      throw new IllegalStateException(
          "the topic has %s, but the database has %d events of %d applications"
              .formatted(published, figures.events(), figures.applications()));
    }
    topic.compare(store);
    return Optional.of(published);
  }
}
