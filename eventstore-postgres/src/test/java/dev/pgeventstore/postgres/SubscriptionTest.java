package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class SubscriptionTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private final List<String> seen = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void open(Database database) throws SQLException {
    store = new TestStore(database);
    store.execute("create table public.handled (position bigint primary key, stream text)");
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Subscriptions.Builder subscription() {
    return Subscriptions.of(store.store).create("view");
  }

  /** A read model with a row for each event, which an event handled twice would break. */
  private static void write(List<RecordedEvent> events, Connection connection) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("insert into public.handled values (?, ?)")) {
      for (RecordedEvent event : events) {
        insert.setLong(1, event.position().value());
        insert.setString(2, event.stream().toString());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  private String handled() throws SQLException {
    return store.query(
        "select coalesce(string_agg(stream, ' ' order by position), '') from public.handled");
  }

  private AppendResult appendMany(int from, int to) {
    AppendResult last = null;
    for (int i = from; i <= to; i++) {
      last = store.append("order-" + i);
    }
    return last;
  }

  @Test
  void a_name_that_cannot_be_stored_as_it_is_is_refused() {
    for (String bad : List.of("", " ", "a\0b", "\ud83d", "\ude00!", "x".repeat(101))) {
      assertThatThrownBy(() -> Subscriptions.of(store.store).create(bad))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(Subscriptions.of(store.store).create("\ud83d\ude00".repeat(50))).isNotNull();
  }

  /** Takes everything from the list that it was given, if that can be changed. */
  private static void empty(List<RecordedEvent> events) {
    try {
      events.clear();
    } catch (UnsupportedOperationException e) {
      assertThat(events).isNotEmpty();
    }
  }

  @Test
  void a_handler_that_changes_its_list_of_events_loses_no_event() throws Exception {
    AtomicInteger failures = new AtomicInteger();
    appendMany(1, 6);
    try (Subscription view =
        subscription()
            .batchSize(2)
            .handler(
                batch -> {
                  write(batch.events(), batch.connection());
                  boolean fails =
                      batch.events().get(0).position().value() == 5
                          && failures.incrementAndGet() == 1;
                  empty(batch.events());
                  if (fails) {
                    throw new IllegalStateException("the batch is handled one by one now");
                  }
                })
            .start()) {
      view.awaitApplied(store.append("order-7"), PATIENCE);
    }
    assertThat(handled()).isEqualTo("order-1 order-2 order-3 order-4 order-5 order-6 order-7");
  }

  @Test
  void every_event_is_handled_once_and_in_order_from_the_beginning_and_live() throws Exception {
    appendMany(1, 30);
    try (Subscription view =
        subscription()
            .batchSize(7)
            .handler(batch -> batch.events().forEach(e -> seen.add(e.stream().key())))
            .start()) {
      view.awaitApplied(appendMany(31, 60), PATIENCE);
    }
    assertThat(seen)
        .containsExactlyElementsOf(
            IntStream.rangeClosed(1, 60).mapToObj(Integer::toString).toList());
  }

  @Test
  void a_restarted_subscription_goes_on_from_its_checkpoint() throws Exception {
    try (Subscription view =
        subscription()
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      view.awaitApplied(appendMany(1, 5), PATIENCE);
    }
    AppendResult last = appendMany(6, 9);
    try (Subscription view =
        subscription()
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(handled())
        .isEqualTo("order-1 order-2 order-3 order-4 order-5 order-6 order-7 order-8 order-9");
  }

  @Test
  void the_writes_of_a_failing_handler_are_rolled_back_and_nothing_is_skipped() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    EventHandler failing =
        batch -> {
          write(batch.events(), batch.connection());
          if (calls.incrementAndGet() == 2) {
            throw new IllegalArgumentException("a view that does not like this event");
          }
        };
    AppendResult last = appendMany(1, 6);
    try (Subscription view =
        subscription().batchSize(2).onFailure(FailurePolicy.stop()).handler(failing).start()) {
      await().until(() -> view.status().state() == State.FAILED);

      assertThat(view.status().error()).containsInstanceOf(IllegalArgumentException.class);
      assertThat(view.status().position()).isEqualTo(Position.of(2));
      assertThat(handled()).isEqualTo("order-1 order-2");
      assertThatThrownBy(() -> view.awaitApplied(last, PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("failed at position 2")
          .hasCauseInstanceOf(IllegalArgumentException.class);
    }
    try (Subscription view = subscription().batchSize(2).handler(failing).start()) {
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(handled()).isEqualTo("order-1 order-2 order-3 order-4 order-5 order-6");
  }

  @Test
  void a_handler_that_lost_a_race_in_the_database_is_called_again() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    try (Subscription view =
        subscription()
            .handler(
                batch -> {
                  write(batch.events(), batch.connection());
                  if (calls.incrementAndGet() == 1) {
                    throw new SQLException("serialization failure", "40001");
                  }
                })
            .start()) {
      view.awaitApplied(appendMany(1, 2), PATIENCE);
    }
    assertThat(handled()).isEqualTo("order-1 order-2");
    assertThat(calls).hasValueGreaterThan(1);
  }

  @Test
  void filters_choose_by_category_type_and_stream() throws Exception {
    try (Subscription view =
        subscription()
            .query(
                EventQuery.all()
                    .categories("order")
                    .types("placed", "shipped")
                    .or(EventQuery.all().streamPrefix("customer-1")))
            .handler(batch -> batch.events().forEach(e -> seen.add(e.stream() + " " + e.type())))
            .start()) {
      AppendResult last = null;
      for (String stream : List.of("order-1", "customer-1", "customer-12", "customer-2", "x-1")) {
        for (String type : List.of("placed", "paid", "shipped")) {
          last =
              store.store.append(
                  StreamId.parse(stream), ExpectedVersion.any(), List.of(TestStore.raw(type)));
        }
      }
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(seen)
        .containsExactly(
            "order-1 placed",
            "order-1 shipped",
            "customer-1 placed",
            "customer-1 paid",
            "customer-1 shipped",
            "customer-12 placed",
            "customer-12 paid",
            "customer-12 shipped");
  }

  @Test
  void unwanted_events_move_the_checkpoint_too() throws Exception {
    AppendResult last = appendMany(1, 50);
    try (Subscription view =
        subscription()
            .category("customer")
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(store.query("select position from eventstore.subscriptions where name = 'view'"))
        .isEqualTo(last.position().toString());
    assertThat(handled()).isEmpty();
  }

  @Test
  void starting_at_the_end_skips_existing_events() throws Exception {
    appendMany(1, 3);
    try (Subscription view =
        subscription()
            .startAt(Start.end())
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      view.awaitApplied(appendMany(4, 5), PATIENCE);
    }
    assertThat(handled()).isEqualTo("order-4 order-5");
  }

  @Test
  void starting_after_a_position_begins_with_the_next_event() throws Exception {
    AppendResult second = appendMany(1, 2);
    AppendResult last = appendMany(3, 4);
    try (Subscription view =
        subscription()
            .startAt(Start.after(second.position()))
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(handled()).isEqualTo("order-3 order-4");
  }

  @Test
  void starting_beyond_the_mark_is_refused_and_leaves_no_checkpoint() throws Exception {
    appendMany(1, 2);

    assertThatThrownBy(
            () ->
                subscription()
                    .startAt(Start.after(Position.of(3)))
                    .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
                    .start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("beyond the high-water mark 2");
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("0");
  }

  @Test
  void one_name_runs_once_in_a_store() {
    try (Subscription view =
        subscription()
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      assertThatThrownBy(
              () ->
                  subscription()
                      .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
                      .start())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("view");
    }
    subscription()
        .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
        .start()
        .close();
  }

  @Test
  void two_processes_with_one_name_write_each_event_once() throws Exception {
    rivals(batch -> SubscriptionTest.write(batch.events(), batch.connection()));
    assertThat(store.query("select count(*) from public.handled")).isEqualTo("300");
  }

  @Test
  void two_processes_with_one_name_count_each_event_once() throws Exception {
    // Nothing in the table itself would refuse an event that is counted twice.
    store.execute("create table public.counted as select 0 as events");
    rivals(
        batch ->
            TestStore.execute(
                batch.connection(),
                "update public.counted set events = events + " + batch.events().size()));
    assertThat(store.query("select events from public.counted")).isEqualTo("300");
  }

  private void rivals(EventHandler handler) throws Exception {
    try (TestStore second = new TestStore(store.database);
        Subscription here = subscription().batchSize(3).handler(handler).start();
        Subscription there =
            Subscriptions.of(second.store).create("view").batchSize(5).handler(handler).start()) {
      AppendResult last = appendMany(1, 300);
      here.awaitApplied(last, PATIENCE);
      there.awaitApplied(last, PATIENCE);
      assertThat(here.status().state()).isNotEqualTo(State.FAILED);
      assertThat(there.status().state()).isNotEqualTo(State.FAILED);
    }
  }

  @Test
  void commits_of_other_processes_arrive_by_notification() throws Exception {
    // With an hour between polls, what arrives sooner was notified.
    try (TestStore far =
            new TestStore(store.database, 5, b -> b.pollInterval(Duration.ofHours(1)));
        Subscription view =
            Subscriptions.of(far.store)
                .create("far")
                .handler(batch -> batch.events().forEach(e -> seen.add(e.stream().toString())))
                .start()) {
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(
                          store.query(
                              "select count(*) from pg_stat_activity where datname ="
                                  + " current_database() and query like 'listen%'"))
                      .isEqualTo("1"));
      view.awaitApplied(store.append("order-1"), PATIENCE);
      view.awaitApplied(store.append("order-2"), PATIENCE);
    }
    assertThat(seen).containsExactly("order-1", "order-2");
  }

  @Test
  void a_checkpoint_waits_for_the_disk_if_the_handler_has_written_and_only_then() throws Exception {
    CheckpointsTable table = new CheckpointsTable(new Schema("eventstore"));
    Tenure tenure = new Tenure(new LeaseKey("view", 0), "me", 1);
    String incarnation = store.query("select eventstore.incarnation()");
    store.execute(
        "insert into eventstore.leases (name, partition) values ('view', 0);"
            + " insert into eventstore.subscriptions (name, partition, position, owner, epoch) values ('view', 0, 0, 'me', 1)");
    store.execute("create table public.written (id integer)");
    try (Connection connection = store.begin()) {
      assertThat(table.advance(connection, tenure, 0, 1, incarnation, PATIENCE)).isTrue();
      assertThat(durability(connection)).isEqualTo("off");
      connection.commit();
      assertThat(durability(connection)).as("in the next transaction").isEqualTo("on");

      TestStore.execute(connection, "insert into public.written values (1)");
      assertThat(table.advance(connection, tenure, 1, 2, incarnation, PATIENCE)).isTrue();
      assertThat(durability(connection)).isEqualTo("on");
      connection.commit();
    }
  }

  private static String durability(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("show synchronous_commit")) {
      row.next();
      return row.getString(1);
    }
  }

  @Test
  void commits_without_a_notification_are_found_by_polling() throws Exception {
    try (Subscription view =
        subscription()
            .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
            .start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      store.execute(
          """
          select eventstore.append_one('order-2', 0, gen_random_uuid(), 'happened', 1, '{}', null)
          """);
      await().atMost(PATIENCE).untilAsserted(() -> assertThat(handled()).endsWith("order-2"));
    }
  }

  @Test
  void the_end_of_a_callers_transaction_is_noticed_without_a_notification() throws Exception {
    try (TestStore patient =
            new TestStore(store.database, 5, b -> b.pollInterval(Duration.ofHours(1)));
        Subscription view =
            Subscriptions.of(patient.store)
                .create("patient")
                .handler(batch -> batch.events().forEach(e -> seen.add(e.stream().toString())))
                .start()) {
      view.awaitApplied(patient.append("order-1"), PATIENCE);
      AppendResult second;
      try (Connection connection = patient.begin()) {
        second = patient.append("order-2", connection);
        connection.commit();
      }
      view.awaitApplied(second, PATIENCE);
    }
    assertThat(seen).containsExactly("order-1", "order-2");
  }

  @Test
  void a_timeout_of_waiting_reports_the_position_of_the_subscription() throws Exception {
    store.append("order-1");
    try (Subscription view =
            subscription()
                .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
                .start();
        Connection slow = store.begin()) {
      store.append("order-2", slow);
      AppendResult last = store.append("order-3");
      assertThatThrownBy(() -> view.awaitApplied(last, Duration.ofMillis(100)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("not yet at 3");
    }
  }

  @Test
  void closing_completes_the_batch_that_is_being_handled() throws Exception {
    CountDownLatch handling = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    AppendResult last = store.append("order-1");
    Subscription view =
        subscription()
            .handler(
                batch -> {
                  handling.countDown();
                  goOn.await();
                  write(batch.events(), batch.connection());
                })
            .start();
    assertThat(handling.await(30, TimeUnit.SECONDS)).isTrue();
    Thread closing = new Thread(view::close);
    closing.start();
    goOn.countDown();
    closing.join(30_000);

    assertThat(closing.isAlive()).isFalse();
    assertThat(view.status().state()).isEqualTo(State.STOPPED);
    assertThat(view.status().position()).isEqualTo(last.position());
    assertThat(handled()).isEqualTo("order-1");
  }

  @Test
  void a_handler_may_close_its_own_subscription() throws Exception {
    AtomicReference<Subscription> self = new AtomicReference<>();
    CountDownLatch known = new CountDownLatch(1);
    appendMany(1, 10);
    Subscription view =
        subscription()
            .batchSize(1)
            .handler(
                batch -> {
                  known.await();
                  write(batch.events(), batch.connection());
                  self.get().close();
                })
            .start();
    self.set(view);
    known.countDown();
    await().atMost(PATIENCE).until(() -> view.status().state() == State.STOPPED);

    assertThat(handled()).isEqualTo("order-1");
  }

  @Test
  void a_subscription_survives_a_crash_of_the_server_and_stays_exactly_once() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        crashing.execute("create table public.handled (position bigint primary key, stream text)");
        try (Subscription view =
            Subscriptions.of(crashing.store)
                .create("view")
                .batchSize(3)
                .handler(batch -> SubscriptionTest.write(batch.events(), batch.connection()))
                .start()) {
          for (int i = 0; i < 100; i++) {
            crashing.append("order-" + i);
          }
          server.killHard();
          server.restart();
          await()
              .atMost(PATIENCE)
              .ignoreExceptions()
              .until(() -> crashing.append("after-1") != null);
          for (int i = 100; i < 150; i++) {
            crashing.append("order-" + i);
          }
          view.awaitApplied(crashing.append("order-150"), PATIENCE);

          assertThat(view.status().state()).isEqualTo(State.RUNNING);
          assertThat(
                  crashing.query(
                      "select count(*) from eventstore.events e full join public.handled h"
                          + " using (position) where e.position is null or h.position is null"))
              .isEqualTo("0");
        }
      }
    }
  }

  @Test
  void events_lost_by_an_asynchronous_commit_do_not_make_a_subscription_skip_their_successors()
      throws Exception {
    try (PostgresServer server =
        // Nothing is flushed by itself for a while, so that the crash loses commits for certain.
        PostgresServer.start(java.util.Map.of("wal_writer_delay", "10s"))) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      Database database = server.createDatabase();
      try (TestStore crashing = new TestStore(database)) {
        crashing.execute("create table public.handled (position bigint primary key, stream text)");
        crashing.append("order-1");
        try (Subscription view =
            Subscriptions.of(crashing.store)
                .create("view")
                .handler(
                    batch -> {
                      // Not durable either: the checkpoint is lost together with the
                      // batch.events().
                      TestStore.execute(batch.connection(), "set local synchronous_commit = off");
                      write(batch.events(), batch.connection());
                      batch.events().forEach(e -> seen.add(e.stream().toString()));
                    })
                .start()) {
          try (Connection careless = crashing.database.open()) {
            TestStore.execute(careless, "set synchronous_commit = off");
            careless.setAutoCommit(false);
            for (int i = 0; i < 40; i++) {
              crashing.append("lost-" + i, careless);
            }
            careless.commit();
          }
          await().atMost(PATIENCE).until(() -> seen.contains("lost-39"));
          server.killHard();
          server.restart();
          await()
              .atMost(PATIENCE)
              .ignoreExceptions()
              .until(() -> crashing.append("order-2") != null);

          view.awaitApplied(crashing.append("order-3"), PATIENCE);
          assertThat(
                  crashing.query(
                      "select count(*) from eventstore.events e full join public.handled h"
                          + " using (position) where e.position is null or h.position is null"))
              .isEqualTo("0");
          assertThat(crashing.query("select count(*) from public.handled where stream = 'order-3'"))
              .isEqualTo("1");
        }
      }
    }
  }

  /** It gives its leases back when it has ended, which may take a while. */
  @Test
  void a_subscription_that_is_started_anew_keeps_the_lease_that_the_last_one_gives_back()
      throws Exception {
    DataSource slow =
        (DataSource)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {DataSource.class},
                (proxy, method, arguments) -> {
                  if (Thread.currentThread().getName().startsWith("eventstore-leases-back")) {
                    Thread.sleep(500);
                  }
                  return method.invoke(store.pool, arguments);
                });
    AtomicReference<Subscription> first = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    try (PostgresEventStore own =
        PostgresEventStore.builder(slow).codec(JacksonCodec.of(EventTypes.none())).build()) {
      first.set(
          Subscriptions.of(own)
              .create("view")
              .batchSize(1)
              .handler(
                  batch -> {
                    started.await();
                    first.get().close();
                  })
              .start());
      AppendResult last = appendMany(1, 2);
      started.countDown();
      assertThatThrownBy(() -> first.get().awaitApplied(last, PATIENCE))
          .isInstanceOf(IllegalStateException.class);
      try (Subscription second =
          Subscriptions.of(own)
              .create("view")
              .handler(
                  batch -> {
                    batch.events().forEach(event -> seen.add(event.stream().toString()));
                    Thread.sleep(1_500);
                  })
              .start()) {
        second.awaitApplied(last, PATIENCE);
        assertThat(seen).containsExactly("order-2");
        assertThat(second.status().partitions().get(0).epoch()).isEqualTo(2);
      }
    }
  }
}
