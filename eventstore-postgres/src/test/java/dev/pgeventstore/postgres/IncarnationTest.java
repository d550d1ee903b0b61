package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When the server is another one than before, and when it is not: on a server of its own. */
class IncarnationTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static PostgresServer server;

  private TestStore store;

  @BeforeAll
  static void startServer() {
    server = PostgresServer.start();
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void open() {
    assumeTrue(server.canBeKilled(), "needs a server that was started here");
    store = new TestStore(server.createDatabase());
  }

  @AfterEach
  void close() {
    if (store != null) {
      store.close();
    }
  }

  private String incarnation() throws SQLException {
    return store.query("select coalesce(eventstore.incarnation(), 'none')");
  }

  /** Kills a process of the server, which throws away its shared memory and recovers. */
  private void crashBackend() throws SQLException {
    try (Connection victim = store.database.open()) {
      long pid = Long.parseLong(TestStore.query(victim, "select pg_backend_pid()"));
      ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    }
    await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(() -> store.query("select count(*) from eventstore.incarnations").equals("0"));
  }

  @Test
  void a_reset_of_statistics_is_not_a_new_incarnation() throws Exception {
    store.append("order-1");
    List<Long> handled = Collections.synchronizedList(new ArrayList<>());
    String before = incarnation();
    try (Follower follower =
            Subscriptions.of(store.store)
                .follow(EventQuery.all())
                .after(Position.START)
                .handler(events -> events.forEach(e -> handled.add(e.position().value())))
                .start();
        Subscription view =
            Subscriptions.of(store.store).create("view").handler(batch -> {}).start()) {
      follower.awaitApplied(Position.of(1), PATIENCE);

      resetStatistics();

      view.awaitApplied(store.append("order-2"), PATIENCE);
      follower.awaitApplied(Position.of(2), PATIENCE);
      assertThat(view.status().error()).isEmpty();
    }
    assertThat(incarnation()).isEqualTo(before);
    assertThat(handled).containsExactly(1L, 2L);
  }

  /** All kinds that there are in any version; a server refuses those that it does not know. */
  private void resetStatistics() throws SQLException {
    List<String> resets = new ArrayList<>();
    for (String kind :
        List.of("archiver", "bgwriter", "checkpointer", "io", "recovery_prefetch", "slru", "wal")) {
      resets.add("select pg_stat_reset_shared('%s')".formatted(kind));
    }
    resets.add("select pg_stat_reset_shared(null)");
    resets.add("select pg_stat_reset_slru(null)");
    resets.add("select pg_stat_reset()");
    int done = 0;
    for (String reset : resets) {
      try {
        store.execute(reset);
        done++;
      } catch (SQLException e) {
        assertThat(e.getSQLState()).isEqualTo("22023");
      }
    }
    assertThat(done).isGreaterThan(5);
  }

  /** Between the mark and the page, which has no event that would show that it is settled. */
  @Test
  void a_page_that_is_read_while_the_server_crashes_is_read_again() {
    store.append("order-1");
    AtomicInteger connections = new AtomicInteger(Integer.MIN_VALUE);
    DataSource crashing =
        (DataSource)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {DataSource.class},
                (proxy, method, arguments) -> {
                  if (connections.incrementAndGet() == 2) {
                    crashBackend();
                  }
                  return method.invoke(store.database.dataSource(), arguments);
                });
    try (PostgresEventStore second =
        PostgresEventStore.builder(crashing).codec(JacksonCodec.of(EventTypes.none())).build()) {
      connections.set(0);

      EventPage page = second.readPage(EventQuery.all().types("never"), Position.START, 10);

      assertThat(connections.get()).isGreaterThan(2);
      assertThat(page.events()).isEmpty();
      // A crash of the server leaves out some positions.
      assertThat(page.upTo().value()).isPositive();
      assertThat(page.isLast()).isTrue();
    }
  }

  @Test
  void a_crash_of_one_backend_is_a_new_incarnation_which_the_next_observer_begins()
      throws Exception {
    String before = incarnation();
    store.append("order-1");
    crashBackend();
    assertThat(incarnation()).isEqualTo("none");

    await().atMost(PATIENCE).ignoreExceptions().until(() -> store.settled().size() == 1);

    String after = incarnation();
    assertThat(after).isNotEqualTo("none").isNotEqualTo(before);
    assertThat(store.settled()).containsExactly("order-1");
    assertThat(incarnation()).isEqualTo(after);
  }

  @Test
  void a_clean_restart_is_a_new_incarnation() throws Exception {
    store.append("order-1");
    String before = incarnation();
    server.restart();
    await().atMost(PATIENCE).ignoreExceptions().until(() -> store.settled().size() == 1);
    assertThat(incarnation()).isNotEqualTo("none").isNotEqualTo(before);
  }

  @Test
  void a_role_that_only_reads_begins_an_incarnation_too() throws Exception {
    store.append("order-1");
    store.execute(
        "do $$ begin if not exists (select from pg_roles where rolname = 'only_reads') then"
            + " create role only_reads login; end if; end $$");
    store.execute(
        """
        grant usage on schema eventstore to only_reads;
        grant select on all tables in schema eventstore to only_reads;
        grant select on all sequences in schema eventstore to only_reads;
        revoke all on eventstore.incarnations from only_reads;
        alter role only_reads set default_transaction_read_only = on;
        """);
    crashBackend();
    try (TestStore reader =
        new TestStore(store.database.as("only_reads"), 3, b -> b.migrations(Migrations.NONE))) {
      assertThat(reader.settled()).containsExactly("order-1");
      assertThat(incarnation()).isNotEqualTo("none");
    }
  }

  @Test
  void a_table_that_a_crash_would_not_empty_is_refused_at_the_start() throws Exception {
    store.execute("alter table eventstore.incarnations set logged");
    assertThatThrownBy(() -> new TestStore(store.database))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("not unlogged");
    store.execute("alter table eventstore.incarnations set unlogged");
    new TestStore(store.database).close();
  }

  @Test
  void a_standby_cannot_observe_and_begins_a_new_incarnation_when_it_is_promoted()
      throws Exception {
    store.append("order-1");
    String before = incarnation();
    Path data = Path.of(store.query("show data_directory"));
    server.killHard();
    Files.createFile(data.resolve("standby.signal"));
    server.restart();

    assertThat(store.query("select pg_is_in_recovery()")).isEqualTo("t");
    assertThat(incarnation()).isEqualTo("none");
    assertThatThrownBy(() -> store.settled())
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("standby");
    assertThat(store.query("select pg_promote()")).isEqualTo("t");

    await().atMost(PATIENCE).ignoreExceptions().until(() -> store.settled().size() == 1);
    assertThat(incarnation()).isNotEqualTo("none").isNotEqualTo(before);
    assertThat(store.settled()).containsExactly("order-1");
  }
}
