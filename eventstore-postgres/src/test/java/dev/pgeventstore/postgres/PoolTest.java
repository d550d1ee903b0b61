package dev.pgeventstore.postgres;


import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JacksonCodec;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Pools as applications set them up: how the store lives with each, and what it leaves behind. */
@ExtendWith(PostgresExtension.class)
class PoolTest {

  private static final StreamId STREAM = StreamId.of("order", "1");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private Database database;

  @BeforeEach
  void keep(Database database) {
    this.database = database;
  }

  private HikariDataSource pool(Consumer<HikariConfig> options) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(5);
    config.setMinimumIdle(0);
    options.accept(config);
    return new HikariDataSource(config);
  }

  private static PostgresEventStore store(DataSource dataSource) {
    return PostgresEventStore.builder(dataSource).codec(JacksonCodec.of(EventTypes.none())).build();
  }

  private static AppendResult append(PostgresEventStore store) {
    return store.append(STREAM, ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  @Test
  void a_pool_without_auto_commit_whose_transactions_keep_their_snapshot_does_not_stop_the_mark()
      throws Exception {
    try (HikariDataSource pool =
            pool(
                config -> {
                  config.setAutoCommit(false);
                  config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ");
                });
        PostgresEventStore store = store(pool);
        Subscription view =
            Subscriptions.of(store).create("view").handler((events, c) -> {}).start()) {
      view.awaitApplied(append(store), PATIENCE);
      view.awaitApplied(append(store), PATIENCE);
    }
  }

  @Test
  void a_waiting_subscription_keeps_no_transaction_open() throws Exception {
    try (HikariDataSource pool = pool(config -> config.setAutoCommit(false));
        PostgresEventStore store = store(pool);
        Subscription view =
            Subscriptions.of(store).create("view").handler((events, c) -> {}).start()) {
      view.awaitApplied(append(store), PATIENCE);
      try (Connection migration = database.open()) {
        TestStore.execute(migration, "set lock_timeout = '20s'");
        TestStore.execute(migration, "alter table eventstore.events add column note text");
      }
      view.awaitApplied(append(store), PATIENCE);
    }
  }
}
