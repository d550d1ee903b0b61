package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Building a store: whose schema it is, and what state it must be in. */
@ExtendWith(PostgresExtension.class)
@EmptyDatabase
class BuildingTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "x\"; drop schema public cascade; --",
        "x'; drop schema public cascade; --",
        "public; select 1",
        "Events",
        "1events",
        "pg_events",
        "événements",
        "a.b",
        "a b",
        "x\0",
        "a123456789a123456789a123456789a123456789a12345678",
      })
  void an_invalid_schema_name_is_refused_before_the_database_is_queried(
      String name, Database database) throws SQLException {
    assertThatThrownBy(() -> new TestStore(database, 2, builder -> builder.schema(name)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("schema name");

    try (TestStore store = new TestStore(database)) {
      assertThat(store.query("select count(*) from pg_namespace where nspname = 'public'"))
          .isEqualTo("1");
      assertThat(store.query("select count(*) from pg_namespace where nspname = 'x'"))
          .isEqualTo("0");
    }
  }

  @Test
  void stream_names_and_types_are_data_and_never_statements(Database database) {
    try (TestStore store = new TestStore(database)) {
      String nasty = "order-'; drop table eventstore.events; --\\\"{},null";
      store.append(nasty);
      store.append(nasty);

      assertThat(store.settled()).containsExactly(nasty, nasty);
    }
  }

  @Test
  void stores_in_two_schemas_are_independent(Database database) throws SQLException {
    try (TestStore one = new TestStore(database, 3, b -> b.schema("tenant_1"));
        TestStore two = new TestStore(database, 3, b -> b.schema("tenant_2"))) {
      one.append("order-1");
      one.append("order-1");
      two.append("order-1");

      assertThat(one.settled()).hasSize(2);
      assertThat(two.settled()).hasSize(1);
      assertThat(one.query("select count(*) > 0 from tenant_1.schema_history")).isEqualTo("t");
      assertThat(one.query("select count(*) > 0 from tenant_2.schema_history")).isEqualTo("t");
    }
  }

  @Test
  void building_again_changes_nothing(Database database) {
    try (TestStore store = new TestStore(database)) {
      store.append("order-1");
    }
    try (TestStore store = new TestStore(database)) {
      assertThat(store.settled()).containsExactly("order-1");
    }
  }

  @Test
  void many_processes_may_build_at_once(Database database) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<?>> built = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        String stream = "order-" + i;
        built.add(
            threads.submit(
                () -> {
                  try (TestStore store = new TestStore(database)) {
                    store.append(stream);
                  }
                }));
      }
      for (Future<?> one : built) {
        one.get();
      }
    } finally {
      threads.shutdownNow();
    }
    try (TestStore store = new TestStore(database)) {
      assertThat(store.settled()).hasSize(4);
    }
  }

  @Test
  void changing_a_builder_after_build_does_not_change_the_store(Database database) {
    List<PostgresEventStore.Builder> told = new ArrayList<>();
    try (TestStore store =
        new TestStore(
            database,
            5,
            builder -> {
              told.add(builder);
              return builder;
            })) {
      List<String> heard = new ArrayList<>();
      told.get(0)
          .schema("other")
          .maxEventBytes(1)
          .groupAppends(false)
          .appendTimeout(Duration.ofMillis(1))
          .pollInterval(Duration.ofHours(1))
          .listening(Listening.NEVER)
          .listener(
              new StoreListener() {
                @Override
                public void committed(Committed append) {
                  heard.add("committed");
                }
              });
      store.append("order-1");
      assertThat(store.settled()).containsExactly("order-1");
      assertThat(heard).isEmpty();
    }
  }

  @Test
  void unreachable_durations_are_treated_as_very_long(Database database) throws Exception {
    Duration forEver = Duration.ofSeconds(Long.MAX_VALUE);
    try (TestStore store =
            new TestStore(database, 8, b -> b.appendTimeout(forEver).pollInterval(forEver));
        Subscription view =
            Subscriptions.of(store.store)
                .create("view")
                .unhealthyAfter(forEver)
                .handler(batch -> {})
                .start()) {
      view.awaitApplied(store.append("order-1"), forEver);
      assertThat(view.status().isHealthy()).isTrue();
      EventFeed feed = store.store.unwrap(EventFeed.class).orElseThrow();
      assertThat(feed.blockers(forEver)).isEmpty();
      assertThat(feed.tryLease("relay", 0, "me", forEver)).isPresent();
      assertThat(feed.tryLease("relay", 0, "other", forEver)).isEmpty();
    }
  }

  @Test
  void validating_refuses_a_schema_that_is_not_migrated(Database database) {
    assertThatThrownBy(() -> new TestStore(database, 2, b -> b.migrations(Migrations.VALIDATE)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("migrate");

    new TestStore(database).close();
    new TestStore(database, 2, b -> b.migrations(Migrations.VALIDATE)).close();
  }

  @Test
  void a_missing_schema_is_a_clear_error(Database database) {
    assertThatThrownBy(() -> new TestStore(database, 2, b -> b.migrations(Migrations.NONE)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("Is the schema migrated?");
  }
}
