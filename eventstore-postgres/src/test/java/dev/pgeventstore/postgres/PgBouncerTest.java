package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotHost;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PgBouncer;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Behind a real PgBouncer in transaction mode, with many clients on a few connections of the
 * server: statements of several clients alternate on each of them.
 */
@ExtendWith(PostgresExtension.class)
class PgBouncerTest {

  private static final int SERVER_CONNECTIONS = 4;
  private static final int CLIENTS = 24;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore direct;
  private PgBouncer pooler;
  private TestStore store;

  @BeforeEach
  void putBetween(Database database) {
    assumeTrue(
        PgBouncer.isInstalled(),
        "pgbouncer is not installed (apt-get install pgbouncer, or brew install pgbouncer)");
    direct = new TestStore(database);
    pooler = PgBouncer.start(database, SERVER_CONNECTIONS);
    store = open();
  }

  @AfterEach
  void close() {
    if (direct != null) {
      store.close();
      pooler.close();
      direct.close();
    }
  }

  /** As another process would. */
  private TestStore open() {
    return new TestStore(
        pooler.database(), CLIENTS + 5, builder -> builder.migrations(Migrations.NONE));
  }

  /** Each task in a thread of its own, all at once. */
  private static void all(List<Callable<Object>> tasks) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(tasks.size());
    try {
      for (Future<Object> task : threads.invokeAll(tasks, 2, TimeUnit.MINUTES)) {
        task.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void appends_of_many_clients_keep_their_order_and_their_conflicts() throws Exception {
    int appends = 30;
    List<Callable<Object>> clients = new ArrayList<>();
    List<ConflictException> conflicts = Collections.synchronizedList(new ArrayList<>());
    for (int c = 0; c < CLIENTS; c++) {
      int client = c;
      clients.add(
          () -> {
            StreamId shared = StreamId.of("shared", "" + client % 3);
            StreamId own = StreamId.of("own", "" + client);
            for (int i = 0; i < appends; i++) {
              store.store.append(shared, ExpectedVersion.any(), List.of(TestStore.raw("shared")));
              store.store.append(own, ExpectedVersion.exactly(i), List.of(TestStore.raw("own")));
              try {
                store.store.append(
                    StreamId.of("raced", "" + i),
                    ExpectedVersion.noStream(),
                    List.of(TestStore.raw("raced")));
              } catch (ConflictException e) {
                conflicts.add(e);
              }
            }
            return client;
          });
    }
    all(clients);

    assertThat(conflicts).hasSize(appends * (CLIENTS - 1));
    assertThat(conflicts).extracting(e -> e.streams().get(0).actual()).containsOnly(1L);
    for (int i = 0; i < 3; i++) {
      assertThat(store.store.read(StreamId.of("shared", "" + i)))
          .extracting(RecordedEvent::version)
          .containsExactlyElementsOf(
              LongStream.rangeClosed(1, (long) CLIENTS / 3 * appends).boxed().toList());
    }
    assertThat(store.settled()).hasSize(2 * CLIENTS * appends + appends);
  }

  @Test
  void statements_of_one_client_go_over_several_connections_of_the_server() throws Exception {
    List<String> processes = Collections.synchronizedList(new ArrayList<>());
    List<Callable<Object>> clients = new ArrayList<>();
    for (int c = 0; c < CLIENTS; c++) {
      clients.add(
          () -> {
            try (Connection connection = pooler.database().open()) {
              for (int i = 0; i < 20; i++) {
                processes.add(TestStore.query(connection, "select pg_backend_pid()"));
              }
            }
            return processes;
          });
    }
    all(clients);
    assertThat(processes.stream().distinct().count()).isBetween(2L, (long) SERVER_CONNECTIONS);
  }

  @Test
  void a_callers_transaction_stays_together() throws Exception {
    direct.execute("create table public.orders (id text)");
    try (Connection connection = TestStore.begin(pooler.database())) {
      TestStore.execute(connection, "insert into public.orders values ('1')");
      store.append("order-1", connection);
      connection.rollback();
      store.append("order-2", connection);
      TestStore.execute(connection, "insert into public.orders values ('2')");
      EventStreams within = store.store.within(connection);
      assertThatThrownBy(
              () ->
                  within.append(
                      StreamId.of("order", "2"),
                      ExpectedVersion.noStream(),
                      List.of(TestStore.raw("again"))))
          .isInstanceOf(ConflictException.class);
      store.append("order-3");
      assertThat(store.settled()).as("held back by the open transaction").isEmpty();
      connection.commit();
    }
    assertThat(store.settled()).containsExactly("order-2", "order-3");
    assertThat(direct.query("select string_agg(id, ',') from public.orders")).isEqualTo("2");
  }

  @Test
  void readers_miss_nothing_while_transactions_end_in_any_order() throws Exception {
    long seed = System.nanoTime() % 1_000_000_000;
    // Its writers hold a connection of the server for each open transaction, and prepare some.
    try (PgBouncer wider = PgBouncer.start(direct.database, 20)) {
      GlobalOrderTorture.run(seed, wider.database());
    }
  }

  @Test
  void a_live_subscription_finds_what_other_processes_commit_by_polling() throws Exception {
    direct.execute("create table public.seen (position bigint primary key, stream text)");
    try (TestStore other = open();
        Subscription view =
            Subscriptions.of(store.store)
                .create("view")
                .batchSize(7)
                .handler(
                    batch -> {
                      for (RecordedEvent event : batch.events()) {
                        TestStore.execute(
                            batch.connection(),
                            "insert into public.seen values (%s, '%s')"
                                .formatted(event.position(), event.stream()));
                      }
                    })
                .start()) {
      List<Callable<Object>> clients = new ArrayList<>();
      for (int c = 0; c < CLIENTS; c++) {
        int client = c;
        clients.add(
            () -> {
              for (int i = 0; i < 20; i++) {
                other.append("order-" + client + "-" + i);
              }
              return client;
            });
      }
      all(clients);
      view.awaitApplied(other.append("order-last"), PATIENCE);

      assertThat(view.status().state()).isEqualTo(State.RUNNING);
      assertThat(
              direct.query(
                  "select count(*) from eventstore.events e full join public.seen s"
                      + " using (position) where e.position is null or s.position is null"))
          .isEqualTo("0");
    }
    try (TestStore again = open()) {
      List<String> seen = Collections.synchronizedList(new ArrayList<>());
      try (Subscription view =
          Subscriptions.of(again.store)
              .create("view")
              .handler(batch -> batch.events().forEach(e -> seen.add(e.stream().toString())))
              .start()) {
        view.awaitApplied(again.append("order-after"), PATIENCE);
      }
      assertThat(seen).as("the checkpoint was kept").containsExactly("order-after");
    }
  }

  @Test
  void no_connection_of_the_server_is_left_listening() throws Exception {
    // Stores of other tests listen in other groups of threads.
    ThreadGroup threads = new ThreadGroup("of this store");
    try (TestStore grouped = in(threads, this::open);
        Subscription view =
            in(
                threads,
                () ->
                    Subscriptions.of(grouped.store).create("view").handler(batch -> {}).start())) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      // It has looked at its connection, and ended.
      await().atMost(PATIENCE).until(() -> !names(threads).contains("eventstore-listener"));
      assertThat(names(threads)).contains("eventstore-leases");
      assertThat(eachServerConnection("select count(*) from pg_listening_channels()"))
          .containsOnly("0");
    }
    try (TestStore told =
            new TestStore(
                pooler.database(),
                5,
                builder -> builder.migrations(Migrations.NONE).listening(Listening.ALWAYS));
        Subscription view =
            Subscriptions.of(told.store).create("other").handler(batch -> {}).start()) {
      view.awaitApplied(told.append("order-2"), PATIENCE);
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  eachServerConnection("select count(*) from pg_listening_channels()")
                      .contains("1"));
    }
  }

  private static <T> T in(ThreadGroup group, Callable<T> action) throws Exception {
    FutureTask<T> task = new FutureTask<>(action);
    new Thread(group, task).start();
    return task.get();
  }

  private static List<String> names(ThreadGroup group) {
    Thread[] threads = new Thread[100];
    int count = group.enumerate(threads);
    return Stream.of(threads).limit(count).map(Thread::getName).toList();
  }

  @Test
  void building_a_store_leaves_the_connections_of_the_server_as_they_were() throws Exception {
    List<String> before = eachServerConnection("show search_path");
    for (String schema : List.of("one", "two", "three", "four")) {
      for (Migrations migrations : Migrations.values()) {
        new TestStore(
                pooler.database(), 5, builder -> builder.schema(schema).migrations(migrations))
            .close();
        assertThat(eachServerConnection("show search_path")).isEqualTo(before);
      }
    }
  }

  /** Asks each of the server's connections: all are taken by transactions that are open at once. */
  private List<String> eachServerConnection(String question) throws SQLException {
    List<Connection> taken = new ArrayList<>();
    List<String> answers = new ArrayList<>();
    try {
      for (int i = 0; i < SERVER_CONNECTIONS; i++) {
        Connection connection = TestStore.begin(pooler.database());
        taken.add(connection);
        answers.add(TestStore.query(connection, question));
      }
    } finally {
      for (Connection connection : taken) {
        connection.close();
      }
    }
    return answers;
  }

  @Test
  void a_lease_has_one_owner_on_every_connection() throws Exception {
    Lease mine =
        store
            .store
            .unwrap(EventFeed.class)
            .orElseThrow()
            .tryLease("relay", 0, "me", Duration.ofMinutes(5))
            .orElseThrow();
    List<Callable<Object>> others =
        IntStream.range(0, CLIENTS)
            .<Callable<Object>>mapToObj(
                i ->
                    () -> {
                      assertThat(
                              store
                                  .store
                                  .unwrap(EventFeed.class)
                                  .orElseThrow()
                                  .tryLease("relay", 0, "other-" + i, Duration.ofMinutes(5)))
                          .isEmpty();
                      return mine.renew();
                    })
            .toList();
    all(others);
    assertThat(mine.renew()).isTrue();
    assertThat(mine.note(Map.of("noted", "once"))).isTrue();
    assertThat(
            store
                .store
                .unwrap(EventFeed.class)
                .orElseThrow()
                .seizeLease("relay", 0, "me", Duration.ofMinutes(5))
                .notes())
        .containsEntry("noted", "once");
    assertThat(mine.note(Map.of("noted", "again"))).isFalse();
    mine.close();
    store
        .store
        .unwrap(EventFeed.class)
        .orElseThrow()
        .seizeLease("relay", 0, "me", Duration.ofMinutes(5))
        .close();
    assertThat(
            store
                .store
                .unwrap(EventFeed.class)
                .orElseThrow()
                .tryLease("relay", 0, "you", Duration.ofMinutes(5)))
        .isPresent();
  }

  @Test
  void the_mark_has_one_incarnation_on_every_connection() throws Exception {
    try (TestStore other = open()) {
      List<Callable<Object>> clients = new ArrayList<>();
      for (int c = 0; c < CLIENTS; c++) {
        int client = c;
        clients.add(
            () -> {
              TestStore mine = client % 2 == 0 ? store : other;
              Position before = Position.START;
              for (int i = 0; i < 20; i++) {
                mine.append("order-" + client);
                Position mark = mine.store.highWaterMark();
                assertThat(mark).isGreaterThanOrEqualTo(before);
                before = mark;
                assertThat(mine.store.readPage(mark, 10).highWaterMark())
                    .isGreaterThanOrEqualTo(mark);
              }
              return before;
            });
      }
      all(clients);
      assertThat(store.store.highWaterMark().value())
          .isEqualTo(CLIENTS * 20)
          .isEqualTo(other.store.highWaterMark().value());
    }
  }

  @Test
  void long_streams_and_snapshots_pass_through() {
    StreamId stream = StreamId.of("long", "1");
    store.store.append(
        stream, ExpectedVersion.noStream(), Collections.nCopies(1_203, TestStore.raw("happened")));
    try (java.util.stream.Stream<RecordedEvent> events =
        store.store.readLazily(stream, StreamRange.backwards())) {
      assertThat(events.map(RecordedEvent::version)).startsWith(1_203L).endsWith(1L).hasSize(1_203);
    }
    store
        .store
        .unwrap(SnapshotHost.class)
        .orElseThrow()
        .keep(stream, Snapshot.of("state", 1, 1_200, "{}".getBytes(StandardCharsets.UTF_8)));
    assertThat(
            store
                .store
                .unwrap(SnapshotHost.class)
                .orElseThrow()
                .readWithSnapshot(stream, "state", 1, Long.MAX_VALUE, 10)
                .tail())
        .extracting(RecordedEvent::version)
        .containsExactly(1_201L, 1_202L, 1_203L);
  }
}
