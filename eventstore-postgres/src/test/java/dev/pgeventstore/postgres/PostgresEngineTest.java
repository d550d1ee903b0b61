package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Stores in several schemas that share an engine. */
@ExtendWith(PostgresExtension.class)
@Order(1)
class PostgresEngineTest {

  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final Set<Thread.State> WAITS =
      Set.of(Thread.State.WAITING, Thread.State.TIMED_WAITING);

  private Database database;
  private HikariDataSource pool;
  private PostgresEngine engine;

  @BeforeEach
  void open(Database given) {
    database = given;
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(20);
    config.setMinimumIdle(0);
    pool = new HikariDataSource(config);
    engine = PostgresEngine.builder(pool).build();
  }

  @AfterEach
  void close() {
    engine.close();
    pool.close();
  }

  private PostgresEventStore store(String schema) {
    return PostgresEventStore.builder(engine)
        .schema(schema)
        .codec(JacksonCodec.of(EventTypes.none()))
        .build();
  }

  private List<PostgresEventStore> stores(int count) {
    return IntStream.range(0, count).mapToObj(i -> store("tenant_" + i)).toList();
  }

  private static Subscription view(PostgresEventStore store) {
    return view(store, batch -> {});
  }

  private static Subscription view(PostgresEventStore store, EventHandler handler) {
    return Subscriptions.of(store)
        .create("view")
        .leaseTime(Duration.ofSeconds(3))
        .handler(handler)
        .start();
  }

  private static List<Subscription> views(List<PostgresEventStore> stores) {
    return stores.stream().map(PostgresEngineTest::view).toList();
  }

  private static AppendResult append(PostgresEventStore store) {
    return store.append(
        StreamId.of("order", "1"), ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  private static void awaitApplied(List<PostgresEventStore> stores, List<Subscription> views)
      throws Exception {
    List<AppendResult> results = stores.stream().map(PostgresEngineTest::append).toList();
    for (int i = 0; i < views.size(); i++) {
      views.get(i).awaitApplied(results.get(i), PATIENCE);
    }
  }

  private String query(String sql) throws SQLException {
    try (Connection connection = database.open()) {
      return TestStore.query(connection, sql);
    }
  }

  private String owned(String schema) throws SQLException {
    return query(
        "select count(*) from %s.leases where owner is not null or lease_until is not null"
            .formatted(schema));
  }

  @Tag("faults")
  @Test
  void fifty_idle_stores_hold_as_many_connections_as_one() throws Exception {
    List<PostgresEventStore> stores = stores(50);
    List<Subscription> views = views(stores);

    awaitApplied(stores, views);

    // The observer's, the listener's, and one for a moment: the keeper's of the leases.
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
    await().atMost(PATIENCE).until(() -> pool.getHikariPoolMXBean().getActiveConnections() <= 3);
    while (System.nanoTime() - end < 0) {
      assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isLessThanOrEqualTo(3);
      TimeUnit.MILLISECONDS.sleep(5);
    }
    awaitApplied(stores, views);
  }

  @Test
  void commits_of_another_engine_are_received_for_all_schemas_on_one_connection() throws Exception {
    try (PostgresEngine patient =
        PostgresEngine.builder(pool).pollInterval(Duration.ofHours(1)).build()) {
      List<PostgresEventStore> others = stores(3);
      List<PostgresEventStore> stores = new ArrayList<>();
      List<Subscription> views = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        PostgresEventStore store =
            PostgresEventStore.builder(patient)
                .schema("tenant_" + i)
                .codec(JacksonCodec.of(EventTypes.none()))
                .build();
        stores.add(store);
        views.add(view(store));
        // Heard or not, its own commits are.
        views.get(i).awaitApplied(append(store), PATIENCE);
      }
      assertThat(
              query(
                  "select count(*) from pg_stat_activity where datname = current_database()"
                      + " and query like 'listen%'"))
          .isEqualTo("1");
      awaitAllAreListenedFor();

      awaitApplied(others, views);
    }
  }

  /** The last of the three channels is the last one for which it was listened. */
  private void awaitAllAreListenedFor() {
    await()
        .atMost(PATIENCE)
        .until(
            () ->
                query(
                        "select count(*) from pg_stat_activity where datname = current_database()"
                            + " and query = 'listen \"tenant_2_appended\"'")
                    .equals("1"));
  }

  @Test
  void closing_one_store_of_three_does_not_affect_the_others() throws Exception {
    List<PostgresEventStore> stores = stores(3);
    List<Subscription> views = views(stores);
    awaitApplied(stores, views);

    stores.get(1).close();

    assertThat(views.get(1).status().state()).isEqualTo(State.STOPPED);
    assertThat(owned("tenant_1")).isEqualTo("0");
    assertThatThrownBy(() -> append(stores.get(1))).isInstanceOf(IllegalStateException.class);
    List<PostgresEventStore> open = List.of(stores.get(0), stores.get(2));
    List<Subscription> running = List.of(views.get(0), views.get(2));
    awaitApplied(open, running);
    // Longer than a lease that is not renewed.
    TimeUnit.SECONDS.sleep(4);
    awaitApplied(open, running);
    assertThat(running).allMatch(view -> view.status().partitions().get(0).epoch() == 1);
    // The same schema can be opened again.
    PostgresEventStore again = store("tenant_1");
    view(again).awaitApplied(append(again), PATIENCE);
  }

  @Test
  void a_schema_that_is_dropped_stops_no_other() throws Exception {
    List<PostgresEventStore> stores = stores(3);
    List<Subscription> views = views(stores);
    awaitApplied(stores, views);

    try (Connection connection = database.open()) {
      TestStore.execute(connection, "drop schema tenant_1 cascade");
    }

    List<PostgresEventStore> left = List.of(stores.get(0), stores.get(2));
    List<Subscription> running = List.of(views.get(0), views.get(2));
    for (int i = 0; i < 5; i++) {
      awaitApplied(left, running);
      TimeUnit.SECONDS.sleep(1);
    }
    assertThat(running).allMatch(view -> view.status().partitions().get(0).epoch() == 1);
    assertThat(views.get(1).status().complaint()).isPresent();
    // It comes back, as after a mistake that was mended.
    stores.get(1).close();
    PostgresEventStore again = store("tenant_1");
    view(again).awaitApplied(append(again), PATIENCE);
  }

  @Test
  void locked_schemas_delay_no_other_and_continue_when_they_are_released() throws Exception {
    List<PostgresEventStore> stores = stores(4);
    List<Subscription> views = views(stores);
    awaitApplied(stores, views);

    AppendResult waited;
    try (Connection stranger = TestStore.begin(database)) {
      TestStore.execute(
          stranger,
          "lock table tenant_0.events, tenant_0.leases, tenant_0.subscriptions,"
              + " tenant_1.events, tenant_1.leases, tenant_1.subscriptions"
              + " in access exclusive mode");
      for (int i = 0; i < 6; i++) {
        awaitApplied(List.of(stores.get(2), stores.get(3)), List.of(views.get(2), views.get(3)));
        TimeUnit.SECONDS.sleep(1);
      }
      stranger.rollback();
    }
    waited = append(stores.get(1));
    views.get(1).awaitApplied(waited, PATIENCE);
    assertThat(List.of(views.get(2), views.get(3)))
        .allMatch(view -> view.status().partitions().get(0).epoch() == 1);
  }

  @Test
  void threads_are_bounded_by_handlers_that_run() throws Exception {
    ThreadGroup group = new ThreadGroup("engine");
    in(
        group,
        () -> {
          List<PostgresEventStore> stores = stores(2);
          for (PostgresEventStore store : stores) {
            for (int i = 0; i < 50; i++) {
              Subscriptions.of(store)
                  .create("idle-" + i)
                  .partitions(2)
                  .category("never" + i)
                  .handler(batch -> {})
                  .start();
            }
          }
          List<Subscription> views = views(stores);
          awaitApplied(stores, views);
          // They were busy starting. Those that wait for more work end after some seconds.
          await().atMost(PATIENCE).until(() -> threads(group) <= 12);

          int most = 0;
          for (int i = 0; i < 20; i++) {
            awaitApplied(stores, views);
            most = Math.max(most, threads(group));
            TimeUnit.MILLISECONDS.sleep(200);
          }

          // Of 202 partitions. Two handle; some look, and store how far they have come.
          assertThat(most).isLessThanOrEqualTo(40);
          return stores;
        });
  }

  private static <T> T in(ThreadGroup group, Callable<T> work) throws Exception {
    FutureTask<T> task = new FutureTask<>(work);
    new Thread(group, task, "caller").start();
    return task.get(5, TimeUnit.MINUTES);
  }

  private static int threads(ThreadGroup group) {
    Thread[] all = new Thread[1_000];
    int count = group.enumerate(all);
    return (int)
        Stream.of(all)
            .limit(count)
            .filter(thread -> thread.getName().startsWith("eventstore-"))
            .count();
  }

  @Test
  void ten_handlers_that_hang_do_not_delay_the_eleventh() throws Exception {
    List<PostgresEventStore> stores = stores(2);
    CountDownLatch hanging = new CountDownLatch(10);
    CountDownLatch goOn = new CountDownLatch(1);
    for (int i = 0; i < 10; i++) {
      Subscriptions.of(stores.get(i % 2))
          .create("hangs-" + i)
          .handler(
              batch -> {
                hanging.countDown();
                goOn.await();
              })
          .start();
    }
    List<Subscription> views = views(stores);
    stores.forEach(PostgresEngineTest::append);
    assertThat(hanging.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();

    awaitApplied(stores, views);

    assertThat(goOn.getCount()).isOne();
    goOn.countDown();
  }

  @Test
  void an_engine_that_is_closed_while_handlers_run_lets_them_end_and_releases_all_leases()
      throws Exception {
    List<PostgresEventStore> stores = stores(3);
    CountDownLatch handling = new CountDownLatch(3);
    CountDownLatch goOn = new CountDownLatch(1);
    List<Subscription> views =
        stores.stream()
            .map(
                store ->
                    view(
                        store,
                        batch -> {
                          handling.countDown();
                          assertThat(goOn.await(60, TimeUnit.SECONDS)).isTrue();
                        }))
            .toList();
    stores.forEach(PostgresEngineTest::append);
    assertThat(handling.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();

    Thread closing = new Thread(engine::close);
    closing.start();
    await().atMost(PATIENCE).until(() -> WAITS.contains(closing.getState()));
    goOn.countDown();
    closing.join(PATIENCE.toMillis());

    assertThat(closing.isAlive()).isFalse();
    assertThat(views).allMatch(view -> view.status().state() == State.STOPPED);
    for (int i = 0; i < 3; i++) {
      assertThat(owned("tenant_" + i)).isEqualTo("0");
      assertThat(query("select position from tenant_%d.subscriptions".formatted(i))).isEqualTo("1");
    }
    assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isZero();
  }

  @Test
  void a_handler_may_close_the_engine() throws Exception {
    List<PostgresEventStore> stores = stores(2);
    CountDownLatch closed = new CountDownLatch(1);
    Subscription other = view(stores.get(1));
    view(
        stores.get(0),
        batch -> {
          engine.close();
          closed.countDown();
        });
    append(stores.get(0));

    assertThat(closed.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    await().atMost(PATIENCE).until(() -> other.status().state() == State.STOPPED);
    await()
        .atMost(PATIENCE)
        .until(() -> owned("tenant_0").equals("0") && owned("tenant_1").equals("0"));
    assertThat(query("select position from tenant_0.subscriptions")).isEqualTo("1");
  }

  @Test
  void a_closed_engine_accepts_no_store_and_can_be_closed_twice() {
    PostgresEventStore store = store("tenant");
    engine.close();
    engine.close();

    assertThatThrownBy(() -> append(store)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> store("tenant"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the engine is closed");
  }

  @Test
  void a_store_on_an_engine_does_not_decide_for_the_others() {
    PostgresEventStore.Builder builder = PostgresEventStore.builder(engine);

    assertThatThrownBy(() -> builder.pollInterval(Duration.ofSeconds(1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("PostgresEngine.builder");
    assertThatThrownBy(() -> builder.listening(Listening.NEVER))
        .isInstanceOf(IllegalStateException.class);
  }
}
