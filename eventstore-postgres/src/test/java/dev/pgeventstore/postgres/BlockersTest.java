package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.postgres.internal.tables.BlockersQuery;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The transactions that hold the high-water mark back. */
@ExtendWith(PostgresExtension.class)
class BlockersTest {

  private static final BlockersQuery BLOCKERS = new BlockersQuery(new Schema("eventstore"));

  private TestStore store;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static List<Blocker> blockers(Database database, Duration age) throws SQLException {
    try (Connection connection = database.open()) {
      return BLOCKERS.olderThan(connection, age);
    }
  }

  private List<Blocker> blockers() throws SQLException {
    return blockers(store.database, Duration.ZERO);
  }

  /** A transaction that has appended, of a session that calls itself something. */
  private Connection appending(String application, String stream) throws SQLException {
    Connection slow = named(application);
    store.append(stream, slow);
    return slow;
  }

  private Connection named(String application) throws SQLException {
    Connection connection = store.begin();
    connection.setClientInfo("ApplicationName", application);
    connection.commit();
    return connection;
  }

  private long microsOnTheServer() throws SQLException {
    return Long.parseLong(
        store.query("select (extract(epoch from clock_timestamp()) * 1000000)::bigint"));
  }

  @Test
  void an_open_transaction_is_named_with_process_application_age_and_query() throws SQLException {
    try (Connection slow = named("night shift")) {
      // The session is older than its transaction.
      long beforeItBegan = microsOnTheServer();
      store.append("order-1", slow);
      long itHadBegun = microsOnTheServer();
      String pid = TestStore.query(slow, "select pg_backend_pid()");
      TestStore.query(slow, "select 'thinking it over'");

      long asked = microsOnTheServer();
      List<Blocker> found = blockers();
      long answered = microsOnTheServer();

      assertThat(found).hasSize(1);
      Blocker blocker = found.get(0);
      assertThat(blocker.pid()).contains(Integer.valueOf(pid));
      assertThat(blocker.prepared()).isEmpty();
      assertThat(blocker.user()).isEqualTo(TestStore.query(slow, "select session_user"));
      assertThat(blocker.application()).isEqualTo("night shift");
      assertThat(blocker.state()).isEqualTo("idle in transaction");
      assertThat(blocker.query()).isEqualTo("select 'thinking it over'");
      assertThat(blocker.age().toNanos() / 1_000)
          .isBetween(asked - itHadBegun, answered - beforeItBegan);

      slow.commit();
      assertThat(blockers()).isEmpty();
    }
  }

  @Test
  void a_transaction_that_was_rolled_back_is_not_named() throws SQLException {
    try (Connection slow = appending("night shift", "order-1")) {
      assertThat(blockers()).hasSize(1);

      slow.rollback();

      assertThat(blockers()).isEmpty();
    }
  }

  @Test
  void a_prepared_transaction_is_named_by_its_global_id_and_no_process() throws SQLException {
    prepare("left_blocking");

    assertNamesPrepared(store.database, "left_blocking");

    store.execute("commit prepared 'left_blocking'");
    assertThat(blockers()).isEmpty();
  }

  /** The restart changes its name in pg_locks. */
  @Test
  void a_prepared_transaction_is_still_named_after_a_restart_of_the_server() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      TestStore shared = store;
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        store = crashing;
        prepare("survivor");
        prepare("another");

        server.killHard();
        server.restart();

        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .ignoreExceptions()
            .untilAsserted(() -> assertNamesPrepared(crashing.database, "survivor", "another"));
      } finally {
        store = shared;
      }
    }
  }

  /** With a part of it in a savepoint, which has a transaction id and a lock on that of its own. */
  private void prepare(String name) throws SQLException {
    try (Connection connection = store.begin()) {
      store.append("order-1-" + name, connection);
      TestStore.execute(connection, "savepoint half");
      store.append("order-2-" + name, connection);
      TestStore.execute(connection, "release savepoint half");
      TestStore.execute(connection, "prepare transaction '" + name + "'");
    }
  }

  private static void assertNamesPrepared(Database database, String... names) throws SQLException {
    List<Blocker> found = blockers(database, Duration.ZERO);
    assertThat(found)
        .extracting(Blocker::prepared)
        .map(Optional::orElseThrow)
        .containsExactly(names);
    assertThat(found)
        .allSatisfy(
            blocker -> {
              assertThat(blocker.pid()).isEmpty();
              assertThat(blocker.user()).isEqualTo("postgres");
              assertThat(blocker.state()).isEqualTo("prepared");
              assertThat(blocker.age()).isPositive();
            });
  }

  @Test
  void the_oldest_is_named_first() throws SQLException {
    try (Connection first = appending("first", "order-1");
        Connection second = appending("second", "order-2")) {
      prepare("third");

      assertThat(blockers())
          .extracting(b -> b.prepared().orElse(b.application()))
          .containsExactly("first", "second", "third");

      first.commit();
      assertThat(blockers()).hasSize(2);
      second.commit();
      store.execute("rollback prepared 'third'");
    }
  }

  @Test
  void transactions_younger_than_requested_are_left_out() throws SQLException {
    try (Connection slow = appending("slow", "order-1")) {
      prepare("slow too");

      assertThat(blockers(store.database, Duration.ofHours(1))).isEmpty();
      assertThat(blockers()).hasSize(2);

      slow.rollback();
      store.execute("rollback prepared 'slow too'");
    }
  }

  @Test
  void transactions_that_hold_nothing_back_are_not_named(PostgresServer server)
      throws SQLException {
    try (TestStore schema =
            new TestStore(store.database, 5, builder -> builder.schema("another_schema"));
        TestStore elsewhere = new TestStore(server.createDatabase());
        Connection inAnotherSchema = schema.begin();
        Connection inAnotherDatabase = elsewhere.begin();
        Connection reading = store.begin();
        Connection locking = store.begin()) {
      schema.append("order-1", inAnotherSchema);
      elsewhere.append("order-1", inAnotherDatabase);
      TestStore.execute(reading, "select from eventstore.events");
      TestStore.execute(locking, "lock table eventstore.events in share update exclusive mode");

      assertThat(blockers()).isEmpty();
    }
  }

  @Test
  void a_role_without_the_right_to_read_all_statistics_sees_no_query_and_no_age()
      throws SQLException {
    // Roles belong to the whole server.
    String role = "looker_" + Long.toString(System.nanoTime(), 36);
    store.execute("create role " + role + " login");
    store.execute("grant usage on schema eventstore to " + role);
    Database asLooker = store.database.as(role);
    try (Connection slow = appending("night shift", "order-1")) {
      String pid = TestStore.query(slow, "select pg_backend_pid()");

      // Its age is not known, so it may be the one that is looked for.
      assertThat(blockers(asLooker, Duration.ofHours(1)))
          .singleElement()
          .satisfies(
              blocker -> {
                assertThat(blocker.pid()).contains(Integer.valueOf(pid));
                assertThat(blocker.prepared()).isEmpty();
                assertThat(blocker.user()).isEqualTo("postgres");
                assertThat(blocker.application()).isEqualTo("night shift");
                assertThat(blocker.age()).isZero();
                assertThat(blocker.state()).isEmpty();
                assertThat(blocker.query()).isEqualTo("<insufficient privilege>");
              });

      store.execute("grant pg_read_all_stats to " + role);

      assertThat(blockers(asLooker, Duration.ZERO))
          .singleElement()
          .satisfies(
              blocker -> {
                assertThat(blocker.query()).isEqualTo("select pg_backend_pid()");
                assertThat(blocker.age()).isPositive();
              });
      assertThat(blockers(asLooker, Duration.ofHours(1))).isEmpty();
    } finally {
      store.execute("drop owned by " + role);
      store.execute("drop role " + role);
    }
  }
}
