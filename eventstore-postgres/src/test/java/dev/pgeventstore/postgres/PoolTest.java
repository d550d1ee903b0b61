package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Pools with the settings of applications: the store works with each, and leaves no traces in it.
 */
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
        Subscription view = Subscriptions.of(store).create("view").handler(batch -> {}).start()) {
      view.awaitApplied(append(store), PATIENCE);
      view.awaitApplied(append(store), PATIENCE);
    }
  }

  @Test
  void a_waiting_subscription_keeps_no_transaction_open() throws Exception {
    try (HikariDataSource pool = pool(config -> config.setAutoCommit(false));
        PostgresEventStore store = store(pool);
        Subscription view = Subscriptions.of(store).create("view").handler(batch -> {}).start()) {
      view.awaitApplied(append(store), PATIENCE);
      try (Connection migration = database.open()) {
        TestStore.execute(migration, "set lock_timeout = '20s'");
        TestStore.execute(migration, "alter table eventstore.events add column note text");
      }
      view.awaitApplied(append(store), PATIENCE);
    }
  }

  @Test
  void an_append_is_not_reported_as_failed_because_its_connection_could_not_be_returned() {
    AtomicBoolean failing = new AtomicBoolean();
    try (PostgresEventStore store = store(failingOnClose(failing))) {
      append(store);
      failing.set(true);
      AppendResult second = append(store);
      failing.set(false);

      assertThat(second.version()).isEqualTo(2);
      assertThat(store.read(STREAM)).hasSize(2);
    }
  }

  /** A data source whose connections are closed, but complain about it. */
  private DataSource failingOnClose(AtomicBoolean failing) {
    return (DataSource)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {DataSource.class},
            (self, method, arguments) -> {
              if (!method.getName().equals("getConnection")) {
                return method.invoke(database.dataSource(), arguments);
              }
              Connection real = database.open();
              return Proxy.newProxyInstance(
                  getClass().getClassLoader(),
                  new Class<?>[] {Connection.class},
                  (connection, called, values) -> {
                    Object result;
                    try {
                      result = called.invoke(real, values);
                    } catch (InvocationTargetException e) {
                      throw e.getCause();
                    }
                    if (called.getName().equals("close") && failing.get()) {
                      throw new SQLException("the pool does not want it back");
                    }
                    return result;
                  });
            });
  }

  @Test
  @Timeout(120)
  void closing_a_subscription_does_not_wait_for_a_connection_that_it_no_longer_needs()
      throws Exception {
    try (TestStore other = new TestStore(database);
        HikariDataSource pool =
            pool(
                config -> {
                  config.setMaximumPoolSize(3);
                  config.setConnectionTimeout(Duration.ofHours(1).toMillis());
                });
        // The observer keeps its connection for a poll interval after the last wait.
        PostgresEventStore store =
            PostgresEventStore.builder(pool)
                .codec(JacksonCodec.of(EventTypes.none()))
                .pollInterval(Duration.ofHours(1))
                .build();
        Subscription view = Subscriptions.of(store).create("view").handler(batch -> {}).start()) {
      view.awaitApplied(append(store), PATIENCE);
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  other
                          .query(
                              "select count(*) from pg_stat_activity where datname ="
                                  + " current_database() and query like 'listen%'")
                          .equals("1")
                      && pool.getHikariPoolMXBean().getActiveConnections() == 2);
      try (Connection last = pool.getConnection()) {
        append(other.store);
        await()
            .atMost(PATIENCE)
            .until(() -> pool.getHikariPoolMXBean().getThreadsAwaitingConnection() == 1);

        view.close();
      }
      assertThat(view.status().state()).isEqualTo(State.STOPPED);
    }
  }

  @Test
  void many_threads_share_the_one_connection_that_a_subscription_leaves_them() throws Exception {
    try (HikariDataSource pool = pool(config -> config.setMaximumPoolSize(3));
        PostgresEventStore store = store(pool);
        Subscription view = Subscriptions.of(store).create("view").handler(batch -> {}).start()) {
      List<Thread> threads = new ArrayList<>();
      List<AppendResult> results = Collections.synchronizedList(new ArrayList<>());
      for (int i = 0; i < 500; i++) {
        int number = i;
        Thread thread =
            new Thread(
                () ->
                    results.add(
                        store.append(
                            StreamId.of("order", Integer.toString(number)),
                            ExpectedVersion.noStream(),
                            List.of(TestStore.raw("happened")))));
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(results).hasSize(500);
      for (AppendResult result : results) {
        view.awaitApplied(result, PATIENCE);
      }
    }
  }
}
