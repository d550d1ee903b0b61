package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Follower.State;
import dev.pgeventstore.subscription.FollowerBuilder;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
@Order(1)
class FollowerTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private final List<String> seen = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
  }

  @AfterEach
  void close() {
    store.close();
  }

  private FollowerBuilder everything() {
    return everything(store);
  }

  private FollowerBuilder everything(TestStore of) {
    return Subscriptions.of(of.store).follow(EventQuery.all()).handler(this::see);
  }

  private void see(List<RecordedEvent> events) {
    events.forEach(event -> seen.add(event.stream().toString()));
  }

  private static AppendResult appendMany(TestStore to, int from, int last) {
    AppendResult result = null;
    for (int i = from; i <= last; i++) {
      result = to.append("order-" + i);
    }
    return result;
  }

  @Test
  void every_event_is_handled_once_and_in_order_from_the_beginning_and_live() throws Exception {
    appendMany(store, 1, 30);
    try (Follower follower = everything().batchSize(7).start()) {
      follower.awaitApplied(appendMany(store, 31, 60), PATIENCE);
    }
    assertThat(seen).containsExactlyElementsOf(store.settled());
  }

  @Test
  void a_follower_starts_after_a_position_and_gets_only_events_that_match_its_query()
      throws Exception {
    AppendResult first = store.append("order-1");
    store.append("order-2");
    try (Follower follower =
        Subscriptions.of(store.store)
            .follow(EventQuery.all().categories("order"))
            .after(first.position())
            .handler(this::see)
            .start()) {
      store.append("customer-1");
      store.append("order-3");
      follower.awaitApplied(store.append("customer-2"), PATIENCE);
    }
    assertThat(seen).containsExactly("order-2", "order-3");
  }

  @Test
  void each_follower_gets_all_events_and_leaves_nothing_in_the_database() throws Exception {
    List<String> others = Collections.synchronizedList(new ArrayList<>());
    try (Follower one = everything().start();
        Follower other =
            Subscriptions.of(store.store)
                .follow(EventQuery.all())
                .handler(events -> events.forEach(e -> others.add(e.stream().toString())))
                .start()) {
      AppendResult last = appendMany(store, 1, 20);
      one.awaitApplied(last, PATIENCE);
      other.awaitApplied(last, PATIENCE);
    }
    assertThat(seen).hasSize(20).isEqualTo(others);
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("0");
  }

  @Test
  void an_event_whose_transaction_is_still_open_is_not_passed() throws Exception {
    try (Follower follower = everything().start();
        Connection slow = store.begin()) {
      store.append("slow-1", slow);
      AppendResult fast = store.append("fast-1");
      assertThatThrownBy(() -> follower.awaitApplied(fast, Duration.ofMillis(100)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("not yet at " + fast.position());
      slow.commit();
      follower.awaitApplied(fast, PATIENCE);
    }
    assertThat(seen).containsExactly("slow-1", "fast-1");
  }

  @Test
  void starting_beyond_the_mark_is_refused() {
    AppendResult last = appendMany(store, 1, 2);

    assertThatThrownBy(() -> everything().after(Position.of(last.position().value() + 1)).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("beyond the high-water mark " + last.position());
  }

  @Test
  void waiting_ends_when_the_handler_has_finished_and_not_before() throws Exception {
    AtomicBoolean finished = new AtomicBoolean();
    CountDownLatch goOn = new CountDownLatch(1);
    try (Follower follower =
            everything()
                .handler(
                    events -> {
                      goOn.await();
                      finished.set(true);
                    })
                .start();
        AutoCloseable release = goOn::countDown) {
      AppendResult event = store.append("order-1");
      assertThatThrownBy(() -> follower.awaitApplied(event, Duration.ofMillis(100)))
          .isInstanceOf(TimeoutException.class);
      release.close();
      follower.awaitApplied(event, PATIENCE);
      assertThat(finished).isTrue();
    }
  }

  @Test
  void an_exception_of_the_handler_ends_the_follower_before_the_failed_events() throws Exception {
    AppendResult first = store.append("order-1");
    try (Follower follower =
        everything()
            .handler(
                events -> {
                  see(events);
                  if (seen.contains("order-2")) {
                    throw new IOException("no answer");
                  }
                })
            .start()) {
      follower.awaitApplied(first, PATIENCE);
      AppendResult second = store.append("order-2");

      assertThatThrownBy(() -> follower.awaitApplied(second, PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasRootCauseInstanceOf(IOException.class);
      assertThat(follower.status().state()).isEqualTo(State.FAILED);
      assertThat(follower.status().error()).containsInstanceOf(IOException.class);
      assertThat(follower.position()).isEqualTo(first.position());
      store.append("order-3");
    }
    assertThat(seen).containsExactly("order-1", "order-2");
  }

  @Test
  void an_exception_whose_message_fails_ends_the_follower_too() throws Exception {
    try (Follower follower =
        everything()
            .handler(
                events -> {
                  throw new IllegalStateException() {
                    private static final long serialVersionUID = 1L;

                    @Override
                    public String getMessage() {
                      throw new NullPointerException("no message");
                    }
                  };
                })
            .start()) {
      AppendResult first = store.append("order-1");

      assertThatThrownBy(() -> follower.awaitApplied(first, PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has failed");
      assertThat(follower.status().state()).isEqualTo(State.FAILED);
    }
  }

  @Tag("faults")
  @Test
  void connections_that_break_again_and_again_lose_and_repeat_nothing() throws Exception {
    AtomicBoolean done = new AtomicBoolean();
    Thread breaker =
        new Thread(
            () -> {
              while (!done.get()) {
                try {
                  breakConnections();
                  TimeUnit.MILLISECONDS.sleep(20);
                } catch (SQLException | InterruptedException e) {
                  throw new IllegalStateException(e);
                }
              }
            });
    try (TestStore writer = new TestStore(store.database);
        Follower follower = everything().batchSize(3).start()) {
      breaker.start();
      AppendResult last = appendAnyway(writer, 300);
      done.set(true);
      breaker.join(PATIENCE.toMillis());
      follower.awaitApplied(last, PATIENCE);
      assertThat(follower.status().state()).isEqualTo(State.RUNNING);
      assertThat(seen).containsExactlyElementsOf(settledAnyway(writer));
    } finally {
      done.set(true);
    }
    assertThat(breaker.isAlive()).isFalse();
  }

  /** All connections of the follower's store; those of others go on, but for the unlucky. */
  private void breakConnections() throws SQLException {
    store.query(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            + " where datname = current_database() and pid <> pg_backend_pid()");
  }

  private static AppendResult appendAnyway(TestStore to, int times) {
    AppendResult last = null;
    for (int i = 1; i <= times; i++) {
      AppendResult[] result = new AppendResult[1];
      String stream = "order-" + i;
      await()
          .atMost(PATIENCE)
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(1))
          .ignoreExceptionsInstanceOf(EventStoreException.class)
          .until(() -> (result[0] = to.append(stream)) != null);
      last = result[0];
    }
    return last;
  }

  /** The pool has broken connections that it has not noticed. */
  private static List<String> settledAnyway(TestStore of) {
    List<String> settled = new ArrayList<>();
    await()
        .atMost(PATIENCE)
        .ignoreExceptionsInstanceOf(EventStoreException.class)
        .until(
            () -> {
              settled.clear();
              return settled.addAll(of.settled());
            });
    return settled;
  }

  @Test
  void a_database_that_refuses_is_retried_until_it_responds() throws Exception {
    try (Follower follower = everything().start()) {
      follower.awaitApplied(store.append("order-1"), PATIENCE);
      AppendResult second;
      try (Connection connection = store.begin()) {
        second = store.append("order-2", connection);
        TestStore.execute(connection, "alter table eventstore.events rename to away");
        connection.commit();
      }
      await().atMost(PATIENCE).until(() -> follower.status().state() == State.RETRYING);
      assertThat(follower.status().error()).isPresent();
      store.execute("alter table eventstore.away rename to events");
      follower.awaitApplied(second, PATIENCE);
      assertThat(follower.status().state()).isEqualTo(State.RUNNING);
      assertThat(follower.status().error()).isEmpty();
    }
    assertThat(seen).containsExactly("order-1", "order-2");
  }

  @Tag("faults")
  @Test
  void a_crash_of_the_server_ends_a_follower_with_a_fixed_start_and_says_what_to_do()
      throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase());
          Follower follower = everything(crashing).start()) {
        follower.awaitApplied(crashing.append("order-1"), PATIENCE);
        server.killHard();
        await().atMost(PATIENCE).until(() -> follower.status().state() == State.RETRYING);
        server.restart();
        await().atMost(PATIENCE).until(() -> follower.status().state() == State.FAILED);

        assertThat(follower.status().error())
            .containsInstanceOf(HistoryChangedException.class)
            .get()
            .asString()
            .contains("afresh");
      }
    }
  }

  @Tag("faults")
  @Test
  void a_follower_that_loads_its_start_reloads_it_after_a_crash_of_the_server() throws Exception {
    try (PostgresServer server =
        // Nothing is flushed by itself for a while, so that the crash loses commits for certain.
        PostgresServer.start(java.util.Map.of("wal_writer_delay", "10s"))) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        crashing.append("order-1");
        try (Follower follower = everything(crashing).load(() -> loadAll(crashing)).start()) {
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
          AppendResult last = appendAnyway(crashing, 60);

          await().atMost(PATIENCE).until(() -> seen.contains("order-60"));
          follower.awaitApplied(last, PATIENCE);
          assertThat(seen).containsExactlyElementsOf(settledAnyway(crashing));
        }
      }
    }
  }

  private Position loadAll(TestStore from) {
    List<RecordedEvent> events = from.settledAfter(Position.START);
    seen.clear();
    see(events);
    return events.isEmpty() ? Position.START : events.get(events.size() - 1).position();
  }

  @Tag("faults")
  @Test
  void a_crash_between_loading_and_the_first_page_is_noticed_too() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (TestStore crashing = new TestStore(server.createDatabase())) {
        AppendResult last = appendMany(crashing, 1, 3);
        AtomicInteger loads = new AtomicInteger();
        try (Follower follower =
            everything(crashing)
                .load(
                    () -> {
                      Position end = loadAll(crashing);
                      if (loads.incrementAndGet() == 1) {
                        server.killHard();
                        server.restart();
                        awaitServer(crashing);
                      }
                      return end;
                    })
                .start()) {
          await().atMost(PATIENCE).until(() -> loads.get() == 2);
          follower.awaitApplied(appendAnyway(crashing, 1), PATIENCE);
          assertThat(follower.position().isAfter(last.position())).isTrue();
          assertThat(seen).containsExactlyElementsOf(settledAnyway(crashing));
        }
      }
    }
  }

  private static void awaitServer(TestStore crashing) {
    crashing.pool.getHikariPoolMXBean().softEvictConnections();
    await().atMost(PATIENCE).ignoreExceptions().until(() -> crashing.store.highWaterMark() != null);
  }

  @Test
  void an_exception_of_the_first_loading_is_thrown_by_start() {
    assertThatThrownBy(
            () ->
                everything()
                    .load(
                        () -> {
                          throw new IOException("no view");
                        })
                    .start())
        .isInstanceOf(EventStoreException.class)
        .hasCauseInstanceOf(IOException.class);
  }

  @Test
  void closing_completes_the_running_batch_without_interrupting_it() throws Exception {
    CountDownLatch handling = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    AppendResult last = store.append("order-1");
    Follower follower =
        everything()
            .handler(
                events -> {
                  handling.countDown();
                  goOn.await();
                  see(events);
                })
            .start();
    assertThat(handling.await(30, TimeUnit.SECONDS)).isTrue();
    Thread closing = new Thread(follower::close);
    closing.start();
    await().atMost(PATIENCE).until(() -> closing.getState() == Thread.State.WAITING);
    goOn.countDown();
    closing.join(PATIENCE.toMillis());

    assertThat(closing.isAlive()).isFalse();
    assertThat(follower.status().state()).isEqualTo(State.STOPPED);
    assertThat(follower.position()).isEqualTo(last.position());
    assertThat(seen).containsExactly("order-1");
    assertThatThrownBy(() -> follower.awaitApplied(store.append("order-2"), PATIENCE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("stopped at position " + last.position());
  }

  @Test
  void events_read_while_a_follower_is_closed_are_neither_handled_nor_counted() throws Exception {
    AtomicReference<Follower> self = new AtomicReference<>();
    CountDownLatch known = new CountDownLatch(1);
    Thread closing = new Thread(() -> self.get().close());
    store.append("order-1");
    Follower follower =
        Subscriptions.of(
                storeWhoseReaders(
                    () -> {
                      known.await();
                      closing.start();
                      awaitAskedToStop(closing);
                      return null;
                    }))
            .follow(EventQuery.all())
            .handler(this::see)
            .start();
    self.set(follower);
    known.countDown();
    await().atMost(PATIENCE).until(() -> follower.status().state() == State.STOPPED);

    assertThat(seen).isEmpty();
    assertThat(follower.position()).isEqualTo(Position.START);
  }

  /** Without waiting in a way that could be interrupted, as closing does interrupt here. */
  private static void awaitAskedToStop(Thread closing) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (closing.getState() != Thread.State.WAITING && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
  }

  /** The store, with readers that do something once they have read and before they answer. */
  private EventStore storeWhoseReaders(Callable<?> doThis) {
    return intercepting(
        store.store,
        "unwrap",
        feed ->
            ((Optional<?>) feed)
                .map(
                    found ->
                        intercepting(
                            found,
                            "open",
                            reader ->
                                intercepting(
                                    reader,
                                    "next",
                                    page -> {
                                      doThis.call();
                                      return page;
                                    },
                                    FeedReader.class),
                            EventFeed.class,
                            SubscriptionHost.class)),
        EventStore.class);
  }

  @SuppressWarnings("unchecked")
  private static <T> T intercepting(Object target, String name, Change change, Class<?>... types) {
    return (T)
        Proxy.newProxyInstance(
            FollowerTest.class.getClassLoader(),
            types,
            (self, method, arguments) -> {
              try {
                Object answer = method.invoke(target, arguments);
                return method.getName().equals(name) ? change.of(answer) : answer;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** What is done to an answer. */
  private interface Change {
    Object of(Object answer) throws Exception;
  }

  @Test
  void a_handler_may_close_its_own_follower() throws Exception {
    AtomicReference<Follower> self = new AtomicReference<>();
    CountDownLatch known = new CountDownLatch(1);
    appendMany(store, 1, 10);
    Follower follower =
        everything()
            .batchSize(1)
            .handler(
                events -> {
                  known.await();
                  see(events);
                  self.get().close();
                })
            .start();
    self.set(follower);
    known.countDown();
    await().atMost(PATIENCE).until(() -> follower.status().state() == State.STOPPED);

    assertThat(seen).containsExactly("order-1");
    assertThat(follower.position()).isEqualTo(Position.of(1));
  }

  @Test
  void closing_ends_a_wait_for_events_and_for_the_next_retry() throws Exception {
    Follower idle;
    try (TestStore patient =
        new TestStore(store.database, 5, b -> b.pollInterval(Duration.ofHours(1)))) {
      idle = everything(patient).start();
      idle.close();
      assertThat(idle.status().state()).isEqualTo(State.STOPPED);
    }

    Follower retrying = everything().start();
    store.execute("alter table eventstore.events rename to away");
    await().atMost(PATIENCE).until(() -> retrying.status().state() == State.RETRYING);
    retrying.close();
    assertThat(retrying.status().state()).isEqualTo(State.STOPPED);
  }

  @Test
  void an_interrupted_close_stops_waiting_and_the_thread_stays_interrupted() throws Exception {
    CountDownLatch handling = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    AtomicBoolean interrupted = new AtomicBoolean();
    store.append("order-1");
    Follower follower =
        everything()
            .handler(
                events -> {
                  handling.countDown();
                  goOn.await();
                  see(events);
                })
            .start();
    assertThat(handling.await(30, TimeUnit.SECONDS)).isTrue();
    Thread closing =
        new Thread(
            () -> {
              Thread.currentThread().interrupt();
              follower.close();
              interrupted.set(Thread.currentThread().isInterrupted());
            });
    closing.start();
    closing.join(PATIENCE.toMillis());

    assertThat(interrupted).isTrue();
    assertThat(follower.status().state()).isEqualTo(State.RUNNING);
    goOn.countDown();
    await().atMost(PATIENCE).until(() -> follower.status().state() == State.STOPPED);
    assertThat(seen).containsExactly("order-1");
  }

  @Test
  void closing_the_store_ends_its_followers() throws Exception {
    try (TestStore closing = new TestStore(store.database);
        Follower follower = everything(closing).start()) {
      follower.awaitApplied(closing.append("order-1"), PATIENCE);
      closing.store.close();
      await().atMost(PATIENCE).until(() -> follower.status().state() == State.FAILED);
    }
  }

  @Test
  void a_follower_needs_a_handler() {
    assertThatThrownBy(() -> Subscriptions.of(store.store).follow(EventQuery.all()).start())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no handler");
  }
}
