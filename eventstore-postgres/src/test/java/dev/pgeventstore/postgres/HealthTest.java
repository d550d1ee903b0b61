package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A high-water mark that is stuck is reported as unhealthy, until it moves again. */
@ExtendWith(PostgresExtension.class)
class HealthTest {

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

  private static Subscription view(TestStore store) {
    return Subscriptions.of(store.store)
        .create("view")
        .unhealthyAfter(Duration.ofMillis(300))
        .handler(batch -> {})
        .start();
  }

  @Test
  void a_transaction_that_holds_the_mark_back_is_reported_by_name() throws Exception {
    try (Subscription view = view(store);
        Connection slow = store.begin()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      store.append("order-2", slow);
      store.append("order-3");
      String pid = TestStore.query(slow, "select pg_backend_pid()");

      until(
          () -> {
            SubscriptionStatus status = view.status();
            assertThat(status.complaint().orElse("none"))
                .contains("held back")
                .contains("process " + pid);
            assertThat(status.blockers())
                .extracting(Blocker::pid)
                .containsExactly(Optional.of(Integer.valueOf(pid)));
            assertThat(status.isHealthy()).isFalse();
          });

      slow.commit();
      until(() -> assertThat(view.status().isHealthy()).isTrue());
      assertThat(view.status().blockers()).isEmpty();
    }
  }

  @Test
  void an_abandoned_prepared_transaction_is_reported_by_its_global_id() throws Exception {
    try (Subscription view = view(store)) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      try (Connection slow = store.begin()) {
        store.append("order-2", slow);
        TestStore.execute(slow, "prepare transaction 'left_unhealthy'");
      }
      store.append("order-3");

      until(
          () ->
              assertThat(view.status().complaint().orElse("none"))
                  .contains("prepared transaction left_unhealthy"));

      store.execute("rollback prepared 'left_unhealthy'");
      until(() -> assertThat(view.status().isHealthy()).isTrue());
    }
  }

  @Test
  void a_mark_that_is_stuck_is_reported_even_if_the_role_may_not_see_why() throws Exception {
    // Roles belong to the whole server.
    String role = "blind_" + Long.toString(System.nanoTime(), 36);
    store.execute("create role " + role + " login");
    try {
      store.execute("grant usage on schema eventstore to " + role);
      for (String kind : new String[] {"tables", "sequences", "functions"}) {
        store.execute("grant all on all %s in schema eventstore to %s".formatted(kind, role));
      }
      complainsOf(role);
    } finally {
      store.execute("drop owned by " + role);
      store.execute("drop role " + role);
    }
  }

  private void complainsOf(String role) throws Exception {
    try (TestStore blind =
            new TestStore(
                store.database.as(role), 10, builder -> builder.migrations(Migrations.NONE));
        Subscription view = view(blind);
        Connection slow = store.begin()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      store.append("order-2", slow);
      store.append("order-3");
      String pid = TestStore.query(slow, "select pg_backend_pid()");

      until(
          () -> {
            SubscriptionStatus status = view.status();
            assertThat(status.blockers())
                .singleElement()
                .satisfies(
                    blocker -> {
                      assertThat(blocker.age()).isZero();
                      assertThat(blocker.query()).isEqualTo("<insufficient privilege>");
                    });
            assertThat(status.complaint().orElse("none")).contains("process " + pid);
          });

      slow.rollback();
      until(() -> assertThat(view.status().isHealthy()).isTrue());
    }
  }

  @Test
  void a_transaction_that_appended_last_and_holds_nothing_back_is_not_reported() throws Exception {
    try (Subscription view = view(store)) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      assertThat(view.status().isHealthy()).as(view.status().toString()).isTrue();
      assertThat(view.status().blockers()).isEmpty();
    }
  }

  @Test
  void a_database_that_cannot_be_observed_is_reported() throws Exception {
    try (Subscription view = view(store)) {
      view.awaitApplied(store.append("order-1"), PATIENCE);

      store.execute("alter function eventstore.observe_fence() rename to out_of_order");
      until(() -> assertThat(view.status().isHealthy()).isFalse());

      store.execute("alter function eventstore.out_of_order() rename to observe_fence");
      until(() -> assertThat(view.status().isHealthy()).isTrue());
    }
  }

  private static void until(ThrowingRunnable assertion) throws SQLException {
    Awaitility.await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(20))
        .untilAsserted(assertion);
  }
}
