package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Races between transactions, scripted with several connections: what is settled, and when. */
@ExtendWith(PostgresExtension.class)
class GlobalOrderTest {

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
  void an_event_whose_transaction_is_still_open_holds_the_later_ones_back() throws SQLException {
    store.append("order-0");
    assertThat(store.settled()).containsExactly("order-0");
    try (Connection slow = store.begin()) {
      store.append("order-1", slow);
      store.append("order-2");
      assertThat(store.settled()).containsExactly("order-0");
      slow.commit();
    }
    assertThat(store.settled()).containsExactly("order-0", "order-1", "order-2");
  }

  @Test
  void a_hole_left_by_a_rollback_holds_nothing_back() throws SQLException {
    store.append("order-0");
    assertThat(store.settled()).containsExactly("order-0");
    try (Connection slow = store.begin()) {
      store.append("order-1", slow);
      store.append("order-2");
      assertThat(store.settled()).containsExactly("order-0");
      slow.rollback();
    }
    assertThat(store.settled()).containsExactly("order-0", "order-2");
    assertThat(store.store.highWaterMark()).isEqualTo(Position.of(3));
  }

  @Test
  void a_transaction_that_dies_with_its_connection_holds_nothing_back() throws SQLException {
    store.append("order-0");
    assertThat(store.settled()).containsExactly("order-0");
    Connection slow = store.begin();
    store.append("order-1", slow);
    store.append("order-2");
    assertThat(store.settled()).containsExactly("order-0");

    slow.close();

    await(() -> assertThat(store.settled()).containsExactly("order-0", "order-2"));
  }

  @Test
  void a_prepared_transaction_holds_later_ones_back_until_it_is_committed() throws SQLException {
    store.append("order-0");
    store.store.highWaterMark();
    prepare("order-1", "left_open");
    store.append("order-2");
    assertThat(store.settled()).containsExactly("order-0");

    store.execute("commit prepared 'left_open'");

    assertThat(store.settled()).containsExactly("order-0", "order-1", "order-2");
  }

  @Test
  void a_prepared_transaction_that_is_rolled_back_leaves_a_hole() throws SQLException {
    store.append("order-0");
    prepare("order-1", "given_up");
    store.append("order-2");

    store.execute("rollback prepared 'given_up'");

    assertThat(store.settled()).containsExactly("order-0", "order-2");
  }

  @Test
  void a_transaction_seen_before_it_was_prepared_keeps_its_place() throws SQLException {
    store.append("order-0");
    store.store.highWaterMark();
    try (Connection slow = store.begin()) {
      store.append("order-1", slow);
      store.append("order-2");
      assertThat(store.settled()).containsExactly("order-0");
      TestStore.execute(slow, "prepare transaction 'seen_before'");
    }
    store.append("order-3");
    assertThat(store.settled()).containsExactly("order-0");

    store.execute("commit prepared 'seen_before'");

    assertThat(store.settled()).containsExactly("order-0", "order-1", "order-2", "order-3");
  }

  private void prepare(String stream, String name) throws SQLException {
    try (Connection connection = store.begin()) {
      store.append(stream, connection);
      TestStore.execute(connection, "prepare transaction '" + name + "'");
    }
  }

  @Test
  void another_applications_long_transaction_in_the_same_database_holds_nothing_back()
      throws SQLException {
    store.execute("create table public.accounts (x int)");
    try (Connection stranger = store.begin()) {
      TestStore.execute(stranger, "insert into public.accounts values (1)");
      store.append("order-1");
      assertThat(store.settled()).containsExactly("order-1");
    }
  }

  @Test
  void another_applications_long_transaction_in_another_database_holds_nothing_back(
      PostgresServer server) throws SQLException {
    Database elsewhere = server.createDatabase();
    try (Connection stranger = TestStore.begin(elsewhere)) {
      TestStore.execute(stranger, "create table public.accounts as select 1 as x");
      store.append("order-1");
      assertThat(store.settled()).containsExactly("order-1");
    }
  }

  @Test
  void a_store_in_another_database_of_the_server_holds_nothing_back(PostgresServer server)
      throws SQLException {
    try (TestStore other = new TestStore(server.createDatabase());
        Connection slow = other.begin()) {
      other.append("order-7", slow);
      store.append("order-1");
      assertThat(store.settled()).containsExactly("order-1");
    }
  }

  @Test
  void rows_that_another_application_has_locked_hold_nothing_back() throws SQLException {
    store.append("order-0");
    try (Connection stranger = store.begin()) {
      TestStore.execute(stranger, "select * from eventstore.events for update");
      store.append("order-1");
      assertThat(store.settled()).containsExactly("order-0", "order-1");
    }
  }

  @Test
  void vacuum_and_building_an_index_hold_nothing_back() throws SQLException {
    store.append("order-0");
    try (Connection stranger = store.begin()) {
      // What both take, held for as long as the test likes.
      TestStore.execute(stranger, "lock table eventstore.events in share update exclusive mode");
      store.append("order-1");
      assertThat(store.settled()).containsExactly("order-0", "order-1");
    }
    store.execute("vacuum eventstore.events");
    store.execute("create index concurrently on eventstore.events (type)");
    store.append("order-2");
    assertThat(store.settled()).containsExactly("order-0", "order-1", "order-2");
  }

  @Test
  void a_locked_stream_row_delays_its_own_appends_only() throws Exception {
    store.append("order-0");
    BlockingQueue<String> done = new LinkedBlockingQueue<>();
    try (TestStore patient =
        new TestStore(store.database, 5, builder -> builder.groupAppends(false))) {
      try (Connection stranger = store.begin()) {
        TestStore.execute(
            stranger, "select * from eventstore.streams where stream_id = 'order-0' for update");
        new Thread(() -> done.add("order-0 at " + patient.append("order-0").version())).start();
        await(
            () ->
                assertThat(
                        store.query(
                            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                + " and datname = current_database()"))
                    .isEqualTo("1"));

        store.append("order-1");
        store.append("order-2");

        assertThat(store.settled()).containsExactly("order-0", "order-1", "order-2");
        assertThat(done).isEmpty();
      }
      assertThat(done.poll(10, TimeUnit.SECONDS)).isEqualTo("order-0 at 2");
    }
    assertThat(store.settled()).containsExactly("order-0", "order-1", "order-2", "order-0");
  }

  @Test
  void a_jump_of_the_sequence_is_only_a_hole() throws SQLException {
    store.append("order-0");
    store.execute("select setval(pg_get_serial_sequence('eventstore.events', 'position'), 5000)");
    store.append("order-1");

    assertThat(store.settled()).containsExactly("order-0", "order-1");
    assertThat(store.store.highWaterMark()).isEqualTo(Position.of(5001));
  }

  @Test
  void two_observers_agree() throws SQLException {
    try (TestStore second = new TestStore(store.database)) {
      store.append("order-0");
      assertThat(store.settled()).containsExactly("order-0");
      assertThat(second.settled()).containsExactly("order-0");
      try (Connection slow = store.begin()) {
        store.append("order-1", slow);
        second.append("order-2");
        assertThat(store.settled()).containsExactly("order-0");
        assertThat(second.settled()).containsExactly("order-0");
        slow.commit();
      }
      assertThat(store.settled()).isEqualTo(second.settled()).hasSize(3);
    }
  }

  @Test
  void a_late_observer_does_not_pass_a_transaction_that_began_before_it() throws SQLException {
    store.append("order-0");
    try (Connection slow = store.begin()) {
      store.append("order-1", slow);
      store.append("order-2");
      try (TestStore late = new TestStore(store.database)) {
        assertThat(late.settled()).isEmpty();
        slow.commit();
        assertThat(late.settled()).containsExactly("order-0", "order-1", "order-2");
      }
    }
  }

  @Test
  void positions_that_a_checkpoint_has_passed_are_settled_for_a_late_observer() throws Exception {
    try (Subscription subscription =
        Subscriptions.of(store.store).create("counter").handler(batch -> {}).start()) {
      subscription.awaitApplied(store.append("order-0"), Duration.ofSeconds(10));
      subscription.awaitApplied(store.append("order-1"), Duration.ofSeconds(10));
    }
    try (Connection slow = store.begin()) {
      store.append("order-2", slow);
      store.append("order-3");
      try (TestStore late = new TestStore(store.database)) {
        assertThat(late.settled()).containsExactly("order-0", "order-1");
      }
    }
  }

  @Test
  void a_killed_observer_connection_is_replaced() throws Exception {
    BlockingQueue<String> handled = new LinkedBlockingQueue<>();
    try (Subscription subscription =
        Subscriptions.of(store.store)
            .create("watcher")
            .handler(batch -> batch.events().forEach(e -> handled.add(e.stream().toString())))
            .start()) {
      subscription.awaitApplied(store.append("order-0"), Duration.ofSeconds(10));
      store.query(
          "select count(pg_terminate_backend(pid)) from pg_stat_activity"
              + " where datname = current_database() and pid <> pg_backend_pid()");

      // The pool may still hand out a connection that was killed: whether such an append was done
      // is what its caller cannot know.
      await(() -> store.append("order-1"));
      subscription.awaitApplied(store.append("order-2"), Duration.ofSeconds(30));

      assertThat(handled).startsWith("order-0").endsWith("order-2").contains("order-1");
    }
  }

  @Test
  void a_handler_may_append_in_the_transaction_of_its_checkpoint() throws Exception {
    try (Subscription subscription =
        Subscriptions.of(store.store)
            .create("reactor")
            .category("order")
            .handler(
                batch -> {
                  for (var event : batch.events()) {
                    store.append("reaction-" + event.stream().key(), batch.connection());
                  }
                })
            .start()) {
      for (int i = 0; i < 20; i++) {
        store.append("order-" + i);
      }
      subscription.awaitApplied(store.append("order-20"), Duration.ofSeconds(10));
    }
    assertThat(store.settled().stream().filter(s -> s.startsWith("reaction-")).distinct())
        .hasSize(21);
  }

  @Test
  void after_a_crash_of_the_server_its_open_transactions_are_holes() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        crashing.append("order-0");
        assertThat(crashing.settled()).containsExactly("order-0");
        Connection slow = crashing.begin();
        crashing.append("order-1", slow);
        crashing.append("order-2");
        assertThat(crashing.settled()).containsExactly("order-0");

        server.killHard();
        server.restart();

        await(() -> assertThat(crashing.settled()).containsExactly("order-0", "order-2"));
        crashing.append("order-3");
        assertThat(crashing.settled()).containsExactly("order-0", "order-2", "order-3");
        slow.close();
      }
    }
  }

  @Test
  void a_prepared_transaction_survives_a_crash_and_still_holds_later_ones_back() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        try (Subscription subscription =
            Subscriptions.of(crashing.store).create("c").handler(batch -> {}).start()) {
          subscription.awaitApplied(crashing.append("order-0"), Duration.ofSeconds(10));
        }
        try (Connection slow = crashing.begin()) {
          crashing.append("order-1", slow);
          TestStore.execute(slow, "prepare transaction 'survivor'");
        }
        crashing.append("order-2");

        server.killHard();
        server.restart();

        await(() -> crashing.append("order-3"));
        assertThat(crashing.settled()).containsExactly("order-0");
        crashing.execute("commit prepared 'survivor'");
        assertThat(crashing.settled()).startsWith("order-0", "order-1", "order-2", "order-3");
      }
    }
  }

  @Test
  void one_crashed_backend_begins_a_new_incarnation_of_the_server() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        crashing.append("order-0");
        String before = crashing.query("select eventstore.incarnation()");
        try (Connection victim = crashing.begin();
            var statement = victim.createStatement();
            var row = statement.executeQuery("select pg_backend_pid()")) {
          row.next();
          ProcessHandle.of(row.getLong(1)).orElseThrow().destroyForcibly();
        }
        await(
            () ->
                assertThat(crashing.query("select eventstore.incarnation()")).isNotEqualTo(before));
        await(() -> crashing.append("order-1"));
        assertThat(crashing.settled()).startsWith("order-0").contains("order-1");
      }
    }
  }

  @Test
  void a_sequence_that_caches_positions_is_refused_at_the_start() throws SQLException {
    store.execute("alter table eventstore.events alter position set cache 10");

    assertThatThrownBy(() -> new TestStore(store.database))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("cache 10");
  }

  @Test
  void a_sequence_behind_the_events_is_refused_at_the_start() throws SQLException {
    store.append("order-0");
    store.append("order-1");
    store.execute("alter table eventstore.events alter position restart with 1");

    assertThatThrownBy(() -> new TestStore(store.database))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("behind the largest position 2");
  }

  @Test
  void a_distributed_table_is_refused_at_the_start() throws SQLException {
    // What Citus keeps its catalogue in, as far as the check looks at it.
    store.execute("create table public.pg_dist_partition (logicalrelid regclass)");
    new TestStore(store.database).close();
    store.execute("insert into public.pg_dist_partition values ('eventstore.events')");

    assertThatThrownBy(() -> new TestStore(store.database))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("distributed");
  }

  private static void await(org.awaitility.core.ThrowingRunnable assertion) {
    org.awaitility.Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(20))
        .ignoreExceptions()
        .untilAsserted(assertion);
  }
}
