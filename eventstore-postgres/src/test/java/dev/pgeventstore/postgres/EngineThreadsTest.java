package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

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
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The store's own threads: how they end, and that they do not end too early. */
@ExtendWith(PostgresExtension.class)
class EngineThreadsTest {

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

  private String owned() throws SQLException {
    return store.query(
        "select count(*) from eventstore.leases where owner is not null or lease_until is not null");
  }

  private String members() throws SQLException {
    return store.query("select count(*) from eventstore.subscription_members");
  }

  @Test
  void a_store_closed_by_a_handler_completes_its_batch_and_gives_all_leases_back()
      throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    try (Subscription other =
            Subscriptions.of(store.store).create("other").handler(batch -> {}).start();
        Subscription closing =
            Subscriptions.of(store.store)
                .create("closing")
                .handler(
                    batch -> {
                      store.store.close();
                      closed.countDown();
                    })
                .start()) {
      store.append("order-1");
      assertThat(closed.await(30, TimeUnit.SECONDS)).isTrue();

      await().atMost(PATIENCE).until(() -> owned().equals("0") && members().equals("0"));
      assertThat(
              store.query("select position from eventstore.subscriptions where name = 'closing'"))
          .isEqualTo("1");
      await().atMost(PATIENCE).until(() -> closing.status().state() == State.STOPPED);
      assertThat(other.status().state()).isEqualTo(State.STOPPED);
    }
  }

  @Test
  void a_subscription_closed_by_its_handler_completes_its_batch_and_gives_its_leases_back()
      throws Exception {
    CompletableFuture<Subscription> started = new CompletableFuture<>();
    started.complete(
        Subscriptions.of(store.store)
            .create("closing")
            .partitions(4)
            .handler(batch -> started.get().close())
            .start());
    store.append("order-1");

    await().atMost(PATIENCE).until(() -> owned().equals("0") && members().equals("0"));
    await().atMost(PATIENCE).until(() -> started.get().status().state() == State.STOPPED);
    assertThat(store.query("select max(position) from eventstore.subscriptions")).isEqualTo("1");
  }

  @Test
  void an_interrupted_close_stops_waiting_and_the_lease_is_still_released() throws Exception {
    CountDownLatch handling = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Subscription slow =
        Subscriptions.of(store.store)
            .create("slow")
            .handler(
                batch -> {
                  handling.countDown();
                  assertThat(goOn.await(60, TimeUnit.SECONDS)).isTrue();
                })
            .start();
    store.append("order-1");
    assertThat(handling.await(30, TimeUnit.SECONDS)).isTrue();

    Thread.currentThread().interrupt();
    store.store.close();

    assertThat(Thread.interrupted()).isTrue();
    assertThat(slow.status().state()).isEqualTo(State.RUNNING);
    goOn.countDown();
    await().atMost(PATIENCE).until(() -> owned().equals("0") && members().equals("0"));
    await().atMost(PATIENCE).until(() -> slow.status().state() == State.STOPPED);
    assertThat(store.query("select position from eventstore.subscriptions")).isEqualTo("1");
  }

  @Test
  void no_thread_ends_because_of_exceptions_or_interrupts_of_a_pool() throws Exception {
    AtomicBoolean fails = new AtomicBoolean();
    Set<String> failed = ConcurrentHashMap.newKeySet();
    DataSource moody = moody(store.pool, fails, failed);
    // All threads that a store starts are of the group of those that use it.
    ThreadGroup group = new ThreadGroup("engine");
    try (PostgresEventStore other =
        in(
            group,
            () ->
                PostgresEventStore.builder(moody)
                    .codec(JacksonCodec.of(EventTypes.none()))
                    .pollInterval(Duration.ofMillis(100))
                    .build())) {
      Subscription view =
          in(
              group,
              () ->
                  Subscriptions.of(other)
                      .create("view")
                      .leaseTime(Duration.ofSeconds(1))
                      .handler(batch -> {})
                      .start());
      view.awaitApplied(
          in(
              group,
              () ->
                  other.append(
                      StreamId.of("order", "1"),
                      ExpectedVersion.any(),
                      List.of(TestStore.raw("happened")))),
          PATIENCE);
      await().atMost(PATIENCE).until(() -> threads(group).containsAll(ENGINE));

      fails.set(true);
      // What holds a connection loses it, and wants another one.
      store.execute(
          "select pg_terminate_backend(pid) from pg_stat_activity"
              + " where datname = current_database() and pid <> pg_backend_pid()");
      await()
          .atMost(PATIENCE)
          .ignoreExceptions()
          .until(
              () -> {
                other.append(
                    StreamId.of("order", "2"),
                    ExpectedVersion.any(),
                    List.of(TestStore.raw("happened")));
                return failed.containsAll(ENGINE);
              });
      fails.set(false);

      AppendResult last =
          await()
              .atMost(PATIENCE)
              .ignoreExceptions()
              .until(() -> store.append("order-3"), Objects::nonNull);
      view.awaitApplied(last, PATIENCE);
      assertThat(threads(group)).containsAll(ENGINE);
      view.close();
    }
    await().atMost(PATIENCE).until(() -> threads(group).stream().noneMatch(ENGINE::contains));
  }

  private static final Set<String> ENGINE =
      Set.of(
          "eventstore-notifier",
          "eventstore-listener",
          "eventstore-leases",
          "eventstore-high-water-mark");

  private static <T> T in(ThreadGroup group, Callable<T> work) throws Exception {
    FutureTask<T> task = new FutureTask<>(work);
    new Thread(group, task, "caller").start();
    return task.get(60, TimeUnit.SECONDS);
  }

  private static Set<String> threads(ThreadGroup group) {
    Thread[] all = new Thread[200];
    int count = group.enumerate(all);
    return Stream.of(all).limit(count).map(Thread::getName).collect(Collectors.toSet());
  }

  /** Throws what a pool should not throw, into threads of the store, and interrupts them. */
  private static DataSource moody(HikariDataSource pool, AtomicBoolean fails, Set<String> failed) {
    return (DataSource)
        Proxy.newProxyInstance(
            EngineThreadsTest.class.getClassLoader(),
            new Class<?>[] {DataSource.class},
            (proxy, method, arguments) -> {
              String thread = Thread.currentThread().getName();
              if (fails.get() && ENGINE.contains(thread)) {
                failed.add(thread);
                Thread.currentThread().interrupt();
                throw new IllegalStateException("the pool is in a mood");
              }
              try {
                return method.invoke(pool, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
