package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What readers of the log get when the database or a connection fails. */
@ExtendWith(PostgresExtension.class)
class FeedTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void stores_in_different_databases_or_schemas_have_different_ids(PostgresServer server) {
    try (TestStore elsewhere = new TestStore(server.createDatabase());
        TestStore tenant = new TestStore(store.database, 2, b -> b.schema("tenant"));
        TestStore same = new TestStore(store.database)) {
      String id = store.store.unwrap(EventFeed.class).orElseThrow().databaseId();
      assertThat(elsewhere.store.unwrap(EventFeed.class).orElseThrow().databaseId())
          .isNotEqualTo(id);
      assertThat(tenant.store.unwrap(EventFeed.class).orElseThrow().databaseId()).isNotEqualTo(id);
      assertThat(same.store.unwrap(EventFeed.class).orElseThrow().databaseId()).isEqualTo(id);
    }
  }

  @Test
  void a_reader_whose_store_is_closed_skips_nothing() throws Exception {
    for (int i = 1; i <= 6; i++) {
      store.append("order-" + i);
    }
    List<Long> read = new ArrayList<>();
    try (FeedReader reader =
        store
            .store
            .unwrap(EventFeed.class)
            .orElseThrow()
            .open(EventQuery.all(), Position.START, Durability.VISIBLE)) {
      read.addAll(positions(reader.next(1, PATIENCE)));
      store.store.close();
      for (int i = 0; i < 10; i++) {
        try {
          read.addAll(positions(reader.next(1, Duration.ofMillis(1))));
        } catch (RuntimeException e) {
          // A reader that treats every failure as transient calls again.
        }
      }
    }
    for (int i = 0; i < read.size(); i++) {
      assertThat(read.get(i)).isEqualTo(i + 1);
    }
  }

  private static List<Long> positions(EventPage page) {
    return page.events().stream().map(e -> e.position().value()).toList();
  }

  @Test
  void a_failure_of_the_database_becomes_an_exception_of_the_store() throws Exception {
    Lease lease =
        store
            .store
            .unwrap(EventFeed.class)
            .orElseThrow()
            .tryLease("relay", 0, "me", PATIENCE)
            .orElseThrow();
    store.execute("alter table eventstore.leases rename to away");

    assertThatThrownBy(lease::renew).isInstanceOf(EventStoreException.class);
    assertThatThrownBy(lease::close).isInstanceOf(EventStoreException.class);
    assertThatThrownBy(
            () ->
                store
                    .store
                    .unwrap(EventFeed.class)
                    .orElseThrow()
                    .tryLease("relay", 0, "you", PATIENCE))
        .isInstanceOf(EventStoreException.class);
    assertThatThrownBy(() -> Subscriptions.of(store.store).create("v").handler(batch -> {}).start())
        .isInstanceOf(EventStoreException.class);
  }

  @Test
  void an_observer_that_ends_by_an_error_is_replaced() throws Exception {
    AtomicBoolean exhausted = new AtomicBoolean();
    try (PostgresEventStore fragile =
            PostgresEventStore.builder(failing(exhausted))
                .codec(JacksonCodec.of(EventTypes.none()))
                .build();
        Subscription view = Subscriptions.of(fragile).create("view").handler(batch -> {}).start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      exhausted.set(true);
      store.query(
          "select count(pg_terminate_backend(pid)) from pg_stat_activity"
              + " where datname = current_database() and query like '%observe_fence%'"
              + " and pid <> pg_backend_pid()");
      await().atMost(PATIENCE).until(() -> !exhausted.get());

      AppendResult next = store.append("order-2");

      view.awaitApplied(next, PATIENCE);
    }
  }

  /** A data source that fails the observer's thread once with an error. */
  private DataSource failing(AtomicBoolean exhausted) {
    return (DataSource)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {DataSource.class},
            (self, method, arguments) -> {
              if (Thread.currentThread().getName().equals("eventstore-high-water-mark")
                  && exhausted.compareAndSet(true, false)) {
                throw new OutOfMemoryError("of a test");
              }
              try {
                return method.invoke(store.pool, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  @Test
  void a_database_that_is_read_only_for_a_while_stops_no_subscription() throws Exception {
    try (Subscription view =
        Subscriptions.of(store.store).create("view").handler(batch -> {}).start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      readOnly(true);
      write(
          """
          select eventstore.append_one('order-2', 0, gen_random_uuid(), 'happened', 1, '{}', null)
          """);
      await().atMost(PATIENCE).until(() -> view.status().state() != State.RUNNING);
      assertThat(view.status().state()).isEqualTo(State.RETRYING);
      readOnly(false);
      await().atMost(PATIENCE).until(() -> view.status().position().value() == 2);
    }
  }

  private void readOnly(boolean on) throws SQLException {
    write(
        "alter database %s set default_transaction_read_only = %s"
            .formatted(store.query("select current_database()"), on));
    store.query(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            + " where datname = current_database() and pid <> pg_backend_pid()");
  }

  private void write(String sql) throws SQLException {
    try (Connection connection = store.database.open()) {
      TestStore.execute(connection, "set default_transaction_read_only = off");
      TestStore.execute(connection, sql);
    }
  }
}
