package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.ProjectionProgress;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.projection.VersionDroppedException;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.EventParkedException;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Applied;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class ProjectionTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private TestStore other;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    other = new TestStore(database);
  }

  @AfterEach
  void close() throws InterruptedException {
    threads.shutdownNow();
    other.close();
    store.close();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
  }

  private Projection start(int version, Visits definition) {
    return start(store, version, definition);
  }

  private static Projection start(TestStore node, int version, Visits definition) {
    return Projections.of(node.store).create("visits", version).definition(definition).start();
  }

  private Projection startLive(int version) throws Exception {
    Projection projection = start(version, new Visits());
    projection.promote(PATIENCE);
    return projection;
  }

  private String view() throws SQLException {
    try (Connection connection = store.database.open()) {
      return Visits.read("visits", connection);
    }
  }

  private String liveVersion() throws SQLException {
    return store.query("select live_version from eventstore.projections where name = 'visits'");
  }

  private AppendResult appendMany(int number) {
    AppendResult last = null;
    for (int i = 0; i < number; i++) {
      last = store.append("page-" + i % 3);
    }
    return last;
  }

  /** A definition that waits at a gate before it handles a certain event. */
  private static final class Gated extends Visits {
    final CountDownLatch reached = new CountDownLatch(1);
    final CountDownLatch open = new CountDownLatch(1);
    private final long position;

    Gated(long position) {
      this.position = position;
    }

    @Override
    public void handle(String table, EventBatch batch) throws Exception {
      super.handle(table, batch);
      pass(batch.events());
    }

    void pass(List<RecordedEvent> events) throws InterruptedException {
      if (events.stream().anyMatch(event -> event.position().value() == position)) {
        reached.countDown();
        assertThat(open.await(60, TimeUnit.SECONDS)).isTrue();
      }
    }
  }

  /** A promotion in a thread of its own. */
  private static final class Promoting {
    private final FutureTask<Boolean> task;
    private final Thread thread;

    Promoting(Projection projection, Duration timeout) {
      this(projection, timeout, () -> {});
    }

    Promoting(Projection projection, Duration timeout, Runnable first) {
      first.run();
      task = new FutureTask<>(() -> projection.promote(timeout));
      thread = new Thread(task, "promoting");
      thread.start();
    }

    /** Once it waits for its version it has looked at the mark, and at which version is live. */
    void awaitApproach() {
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  Stream.of(thread.getStackTrace())
                      .anyMatch(frame -> frame.getMethodName().equals("approach")));
    }

    boolean get() throws Exception {
      return task.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void the_first_version_is_promoted_when_it_has_all_events() throws Exception {
    appendMany(10);
    try (Projection first = start(1, new Visits())) {
      assertThat(first.isLive()).isFalse();
      assertThat(Projections.of(store.store).liveVersion("visits")).isEmpty();

      assertThat(first.promote(PATIENCE)).isTrue();

      assertThat(view()).isEqualTo("page-0 4 10, page-1 3 8, page-2 3 9");
      assertThat(first.isLive()).isTrue();
      assertThat(first.promote(PATIENCE)).isFalse();
    }
  }

  @Test
  void a_version_that_is_too_far_behind_is_not_promoted() throws Exception {
    appendMany(10);
    Gated slow = new Gated(10);
    try (Projection live = startLive(1);
        Projection next = start(2, slow)) {
      assertThatThrownBy(() -> next.promote(Duration.ofMillis(500)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("version 2 of projection visits has come to position 0 of 10")
          .hasMessageContaining("version 1 stays live");
      assertThat(liveVersion()).isEqualTo("1");
      slow.open.countDown();

      assertThat(next.promote(PATIENCE)).isTrue();
      assertThat(liveVersion()).isEqualTo("2");
      assertThat(live.isLive()).isFalse();
    }
  }

  @Test
  void a_version_is_not_promoted_before_it_has_reached_the_live_one() throws Exception {
    appendMany(9);
    Gated first = new Gated(9);
    Gated second = new Gated(10);
    Visits both =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            super.handle(table, batch);
            first.pass(batch.events());
            second.pass(batch.events());
          }
        };
    try (Projection live = startLive(1);
        Projection next = start(2, both)) {
      assertThat(first.reached.await(30, TimeUnit.SECONDS)).isTrue();
      Promoting promoting = new Promoting(next, Duration.ofSeconds(2));
      // The high-water mark is 9 for this promotion. What comes now it knows from the live version.
      promoting.awaitApproach();
      live.awaitApplied(store.append("page-0"), PATIENCE);
      first.open.countDown();

      assertThatThrownBy(promoting::get).hasCauseInstanceOf(TimeoutException.class);
      assertThat(liveVersion()).isEqualTo("1");
      second.open.countDown();
      assertThat(next.promote(PATIENCE)).isTrue();
      assertThat(view()).isEqualTo("page-0 4 10, page-1 3 8, page-2 3 9");
    }
  }

  @Test
  void the_live_version_is_stopped_while_another_replaces_it() throws Exception {
    appendMany(3);
    AtomicInteger blocked = new AtomicInteger();
    Visits slowToShow =
        new Visits() {
          @Override
          public void promote(String table, Connection connection) throws Exception {
            String pid = TestStore.query(connection, "select pg_backend_pid()");
            store.append("page-0");
            await().atMost(PATIENCE).until(() -> waitsFor(pid) || view().startsWith("page-0 2"));
            blocked.set(waitsFor(pid) ? 1 : 0);
            assertThat(view()).isEqualTo("page-0 1 1, page-1 1 2, page-2 1 3");
            super.promote(table, connection);
          }
        };
    try (Projection live = startLive(1);
        Projection next = start(2, slowToShow)) {
      assertThat(next.promote(PATIENCE)).isTrue();
      next.awaitApplied(store.append("page-1"), PATIENCE);
      live.awaitApplied(store.append("page-1"), PATIENCE);
    }
    assertThat(blocked).hasValue(1);
  }

  private boolean waitsFor(String pid) throws SQLException {
    return store
        .query(
            "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
                .formatted(pid))
        .equals("1");
  }

  @Test
  void an_older_version_that_still_runs_can_be_made_live_again() throws Exception {
    appendMany(3);
    try (Projection first = startLive(1);
        Projection second = startLive(2)) {
      AppendResult last = store.append("page-0");
      second.awaitApplied(last, PATIENCE);

      assertThat(first.makeLive(PATIENCE)).isTrue();

      assertThat(first.isLive()).isTrue();
      assertThat(view()).startsWith("page-0 2 4");
      // A node of the new program that starts again does not undo that.
      assertThat(second.promote(PATIENCE)).isFalse();
      assertThat(liveVersion()).isEqualTo("1");
      assertThat(second.makeLive(PATIENCE)).isTrue();
      assertThat(second.makeLive(PATIENCE)).isFalse();
      assertThat(first.makeLive(PATIENCE)).isTrue();
      assertThat(second.drop()).isTrue();
    }
    assertThat(store.query("select to_regclass('public.visits_v2') is null")).isEqualTo("t");
  }

  @Test
  void a_restarted_node_of_an_old_program_does_not_promote_its_older_version() throws Exception {
    appendMany(3);
    try (Projection second = startLive(2)) {
      assertThat(second.isLive()).isTrue();
      // This is the usual code at the start of a program.
      assertThatThrownBy(() -> start(other, 1, new Visits()))
          .isInstanceOf(VersionDroppedException.class)
          .hasMessageContaining("version 1 of projection visits");
    }
    try (Projection second = start(2, new Visits());
        Projection third = startLive(3)) {
      assertThat(third.isLive()).isTrue();
      try (Projection old = start(other, 2, new Visits())) {
        assertThat(old.promote(PATIENCE)).isFalse();
        assertThat(old.isLive()).isFalse();
      }
      assertThat(liveVersion()).isEqualTo("3");
      assertThat(second.drop()).isTrue();
      assertThatThrownBy(() -> start(other, 2, new Visits()))
          .isInstanceOf(VersionDroppedException.class)
          .hasMessageContaining("version 2 of projection visits")
          .hasMessageContaining("it was dropped at");
      assertThat(store.query("select to_regclass('public.visits_v2') is null")).isEqualTo("t");
      assertThat(liveVersion()).isEqualTo("3");
    }
  }

  @Test
  void a_promotion_that_stays_too_far_behind_times_out_and_stops_the_live_version_only_briefly()
      throws Exception {
    appendMany(3);
    // It comes to where the live one was, but not while that one is held.
    Visits late =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            super.handle(table, batch);
            await().atMost(PATIENCE).until(() -> !liveIsHeld());
          }
        };
    CountingDataSource watched = new CountingDataSource(store.pool);
    try (Projection live = startLive(1);
        PostgresEventStore node =
            PostgresEventStore.builder(watched).codec(JacksonCodec.of(EventTypes.none())).build();
        Projection next = Projections.of(node).create("visits", 2).definition(late).start()) {
      AtomicInteger holds = new AtomicInteger();
      Promoting promoting =
          new Promoting(
              next,
              Duration.ofSeconds(4),
              () ->
                  watched.before(
                      sql -> {
                        if (!Thread.currentThread().getName().equals("promoting")) {
                          return;
                        }
                        if (sql.contains("for no key update") && sql.contains("subscriptions")) {
                          // The last moment in which the live one can move.
                          holds.incrementAndGet();
                          live.awaitApplied(store.append("page-0"), PATIENCE);
                        } else if (!liveIsHeld()) {
                          await().atMost(PATIENCE).until(() -> checkpoint(2) == checkpoint(1));
                        }
                      }));

      assertThatThrownBy(promoting::get)
          .hasCauseInstanceOf(TimeoutException.class)
          .hasMessageContaining("version 2 of projection visits has come to position")
          .hasMessageContaining("it did not come to where the live one was held")
          .hasMessageContaining("version 1 stays live");
      // 1 s, 2 s in which the live one goes on, and what is left.
      assertThat(holds).hasValueBetween(1, 2);
      live.awaitApplied(store.append("page-0"), PATIENCE);
      watched.before(sql -> {});
      assertThat(next.promote(PATIENCE)).isTrue();
    }
  }

  private long checkpoint(int version) throws SQLException {
    return Long.parseLong(
        store.query(
            "select min(position) from eventstore.subscriptions where name = 'visits/%d'"
                .formatted(version)));
  }

  private boolean liveIsHeld() throws SQLException {
    try (Connection connection = store.database.open()) {
      TestStore.query(
          connection,
          "select 1 from eventstore.projections where name = 'visits' for no key update nowait");
      return false;
    } catch (SQLException e) {
      assertThat(e.getSQLState()).isEqualTo("55P03");
      return true;
    }
  }

  @Test
  void of_two_nodes_that_promote_at_once_one_succeeds() throws Exception {
    appendMany(20);
    AtomicInteger shown = new AtomicInteger();
    Visits counted =
        new Visits() {
          @Override
          public void promote(String table, Connection connection) throws Exception {
            super.promote(table, connection);
            shown.incrementAndGet();
          }
        };
    try (Projection live = startLive(1);
        Projection here = start(store, 2, counted);
        Projection there = start(other, 2, counted)) {
      CountDownLatch start = new CountDownLatch(1);
      List<Future<Boolean>> promotions =
          List.of(here, there).stream()
              .map(
                  node ->
                      threads.submit(
                          () -> {
                            start.await();
                            return node.promote(PATIENCE);
                          }))
              .toList();
      start.countDown();
      boolean first = promotions.get(0).get(60, TimeUnit.SECONDS);
      boolean second = promotions.get(1).get(60, TimeUnit.SECONDS);

      assertThat(first).isNotEqualTo(second);
      assertThat(shown).hasValue(1);
      assertThat(live.isLive()).isFalse();
      assertThat(here.isLive()).isTrue();
      assertThat(there.isLive()).isTrue();
    }
  }

  @Test
  void a_promotion_does_not_undo_a_faster_one() throws Exception {
    appendMany(3);
    Gated slow = new Gated(3);
    try (Projection first = startLive(1);
        Projection second = start(2, slow);
        Projection third = start(3, new Visits())) {
      assertThat(slow.reached.await(30, TimeUnit.SECONDS)).isTrue();
      Promoting promoting = new Promoting(second, PATIENCE);
      promoting.awaitApproach();
      third.promote(PATIENCE);
      slow.open.countDown();

      assertThat(promoting.get()).isFalse();
      assertThat(third.isLive()).isTrue();
      assertThat(first.isLive()).isFalse();
    }
  }

  @Test
  void a_connection_lost_in_the_middle_of_a_promotion_leaves_the_old_version_live()
      throws Exception {
    appendMany(5);
    Visits cut =
        new Visits() {
          @Override
          public void promote(String table, Connection connection) throws Exception {
            super.promote(table, connection);
            String pid = TestStore.query(connection, "select pg_backend_pid()");
            store.execute("select pg_terminate_backend(%s)".formatted(pid));
          }
        };
    try (Projection live = startLive(1);
        Projection next = start(2, cut)) {
      assertThatThrownBy(() -> next.promote(PATIENCE)).isInstanceOf(EventStoreException.class);

      assertThat(liveVersion()).isEqualTo("1");
      live.awaitApplied(store.append("page-0"), PATIENCE);
      assertThat(view()).isEqualTo("page-0 3 6, page-1 2 5, page-2 1 3");
    }
    try (Projection next = start(2, new Visits())) {
      assertThat(next.promote(PATIENCE)).isTrue();
    }
  }

  @Test
  void a_promotion_whose_definition_fails_changes_nothing() throws Exception {
    appendMany(2);
    Visits failing =
        new Visits() {
          @Override
          public void promote(String table, Connection connection) throws Exception {
            super.promote(table, connection);
            throw new java.io.IOException("no view today");
          }
        };
    try (Projection live = startLive(1);
        Projection next = start(2, failing)) {
      assertThatThrownBy(() -> next.promote(PATIENCE))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("no view today");
      assertThat(liveVersion()).isEqualTo("1");
      assertThat(store.query("select pg_get_viewdef('public.visits'::regclass)"))
          .contains("visits_v1");
      live.awaitApplied(store.append("page-0"), PATIENCE);
    }
  }

  @Test
  void a_definition_that_ends_the_transaction_promotes_and_creates_nothing() throws Exception {
    appendMany(2);
    Visits ending =
        new Visits() {
          @Override
          public void promote(String table, Connection connection) throws Exception {
            TestStore.execute(connection, "rollback");
          }
        };
    try (Projection live = startLive(1);
        Projection next = start(2, ending)) {
      assertThatThrownBy(() -> next.promote(PATIENCE))
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("has ended the transaction");
      assertThat(liveVersion()).isEqualTo("1");
    }
    Visits impatient =
        new Visits() {
          @Override
          public void create(String table, Connection connection) throws SQLException {
            super.create(table, connection);
            connection.commit();
          }
        };
    assertThatThrownBy(() -> start(3, impatient)).isInstanceOf(EventStoreException.class);
    assertThat(store.query("select max(version) from eventstore.projection_versions"))
        .isEqualTo("2");
    assertThat(store.query("select to_regclass('public.visits_v3')")).isNull();
  }

  @Test
  void a_slow_reader_delays_a_promotion_and_no_other_reader() throws Exception {
    appendMany(2);
    try (Projection live = startLive(1);
        Projection next = start(2, new Visits());
        Connection report = store.begin()) {
      Visits.read("visits", report);
      Future<Boolean> promotion = threads.submit(() -> next.promote(PATIENCE));
      // While the promotion waits for the view's lock others wait behind it: for a second at most.
      await().atMost(PATIENCE).until(() -> store.query(WAITING_FOR_VIEW).equals("1"));
      try (Connection reader = store.database.open()) {
        TestStore.execute(reader, "set statement_timeout = '20s'");
        assertThat(Visits.read("visits", reader)).isEqualTo("page-0 1 1, page-1 1 2");
      }
      live.awaitApplied(store.append("page-0"), PATIENCE);
      assertThat(promotion.isDone()).isFalse();
      report.rollback();

      assertThat(promotion.get(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static final String WAITING_FOR_VIEW =
      """
      select count(*) from pg_locks
       where not granted and relation = 'public.visits'::regclass and mode = 'AccessExclusiveLock'
         and database = (select oid from pg_database where datname = current_database())
      """;

  @Test
  void the_live_version_cannot_be_dropped() throws Exception {
    appendMany(2);
    try (Projection live = startLive(1)) {
      assertThatThrownBy(live::drop)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("version 1 of projection visits is the live one");
      assertThatThrownBy(() -> Projections.of(other.store).drop("visits", 1, new Visits()))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> store.execute("delete from eventstore.projection_versions"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("projections_live_version");
      live.awaitApplied(store.append("page-0"), PATIENCE);
    }
    assertThat(view()).startsWith("page-0 2 3");
  }

  @Test
  void a_version_can_be_dropped_while_it_is_built() throws Exception {
    appendMany(5);
    try (Projection live = startLive(1);
        Projection next = start(2, new Visits())) {
      assertThat(next.drop()).isTrue();
      assertThat(next.drop()).isFalse();

      assertThat(store.query("select to_regclass('public.visits_v2') is null")).isEqualTo("t");
      assertThat(store.query("select string_agg(name, ' ') from eventstore.subscriptions"))
          .isEqualTo("visits/1");
      assertThat(live.isLive()).isTrue();
      assertThatThrownBy(() -> next.promote(PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("dropped");
    }
    assertThatThrownBy(() -> start(2, new Visits())).isInstanceOf(VersionDroppedException.class);
    try (Projection again = start(3, new Visits())) {
      assertThat(again.promote(PATIENCE)).isTrue();
      assertThat(view()).isEqualTo("page-0 2 4, page-1 2 5, page-2 1 3");
    }
  }

  @Test
  void a_version_that_fails_to_drop_its_tables_is_not_dropped() throws Exception {
    appendMany(2);
    Visits failing =
        new Visits() {
          @Override
          public void drop(String table, Connection connection) throws SQLException {
            super.drop(table, connection);
            throw new SQLException("no", "22000");
          }
        };
    try (Projection next = start(2, failing)) {
      next.awaitApplied(appendMany(1), PATIENCE);
      assertThatThrownBy(next::drop).isInstanceOf(EventStoreException.class);
    }
    try (Projection again = start(2, new Visits())) {
      assertThat(again.promote(PATIENCE)).isTrue();
      assertThat(view()).isEqualTo("page-0 2 3, page-1 1 2");
    }
  }

  @Test
  void a_version_that_is_dropped_while_a_node_starts_it_leaves_nothing_behind() throws Exception {
    appendMany(3);
    // The other node drops it when the tables are made, and before there are checkpoints.
    SubscriptionHost subscriptions =
        (SubscriptionHost)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {SubscriptionHost.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("start")) {
                    assertThat(Projections.of(other.store).drop("visits", 1, new Visits()))
                        .isTrue();
                  }
                  return method.invoke(
                      store.store.unwrap(SubscriptionHost.class).orElseThrow(), arguments);
                });
    EventStore starting =
        (EventStore)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {EventStore.class},
                (proxy, method, arguments) ->
                    method.getName().equals("unwrap") && arguments[0] == SubscriptionHost.class
                        ? Optional.of(subscriptions)
                        : method.invoke(store.store, arguments));

    assertThatThrownBy(
            () ->
                Projections.of(starting)
                    .create("visits", 1)
                    .onFailure(FailurePolicy.retry(1).thenPark())
                    .definition(new Visits())
                    .start())
        .isInstanceOf(VersionDroppedException.class);

    assertThat(
            store.query(
                "select (select count(*) from eventstore.subscriptions)"
                    + " + (select count(*) from eventstore.parked_events)"
                    + " + (select count(*) from eventstore.projection_versions)"))
        .isEqualTo("0");
    assertThat(store.query("select to_regclass('public.visits_v1') is null")).isEqualTo("t");
  }

  @Test
  void a_version_dropped_elsewhere_stops_and_does_not_come_back() throws Exception {
    appendMany(5);
    try (Projection here = start(1, new Visits())) {
      here.awaitApplied(store.append("page-0"), PATIENCE);
      assertThat(Projections.of(other.store).drop("visits", 1, new Visits())).isTrue();
      store.append("page-0");

      await().atMost(PATIENCE).until(() -> here.subscription().status().state() == State.FAILED);
      assertThat(here.subscription().status().error()).get().asString().contains("visits");
    }
    assertThat(store.query("select count(*) from eventstore.subscription_members")).isEqualTo("0");
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("0");
    assertThat(store.query("select to_regclass('public.visits_v1') is null")).isEqualTo("t");
  }

  @Test
  void a_version_that_is_not_registered_any_more_is_not_written() throws Exception {
    appendMany(3);
    try (Projection here =
        Projections.of(store.store)
            .create("visits", 1)
            .onFailure(FailurePolicy.stop())
            .definition(new Visits())
            .start()) {
      here.awaitApplied(store.append("page-0"), PATIENCE);
      // As if a node started the version at the moment in which another one drops it: with new
      // checkpoints.
      store.execute("delete from eventstore.projection_versions");
      store.append("page-0");

      await().atMost(PATIENCE).until(() -> here.subscription().status().state() == State.FAILED);
      assertThat(here.subscription().status().error())
          .get()
          .asString()
          .contains("version 1 of projection visits was dropped");
    }
    try (Connection connection = store.database.open()) {
      assertThat(Visits.read("visits_v1", connection))
          .isEqualTo("page-0 2 4, page-1 1 2, page-2 1 3");
    }
  }

  @Test
  void dropping_a_version_waits_for_its_running_handler() throws Exception {
    appendMany(5);
    Gated slow = new Gated(5);
    AtomicInteger applied = new AtomicInteger();
    AtomicInteger dropped = new AtomicInteger();
    Visits counted =
        new Visits() {
          @Override
          public void drop(String table, Connection connection) throws SQLException {
            dropped.incrementAndGet();
            super.drop(table, connection);
          }
        };
    try (Projection here =
        Projections.of(store.store)
            .create("visits", 1)
            .definition(slow)
            .listener(
                new SubscriptionListener() {
                  @Override
                  public void applied(Applied batch) {
                    applied.addAndGet(batch.events().size());
                  }
                })
            .start()) {
      assertThat(slow.reached.await(30, TimeUnit.SECONDS)).isTrue();
      Future<Boolean> drop =
          threads.submit(() -> Projections.of(other.store).drop("visits", 1, counted));
      await().atMost(PATIENCE).until(() -> store.query(WAITING_FOR_TABLE).equals("1"));
      slow.open.countDown();
      assertThat(drop.get(30, TimeUnit.SECONDS)).isTrue();
      // Neither has prevented the other: the batch was completed, and then the version was dropped.
      await().atMost(PATIENCE).untilAsserted(() -> assertThat(applied).hasValue(5));
      assertThat(dropped).hasValue(1);
      assertThat(here.version()).isEqualTo(1);
    }
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("0");
  }

  private static final String WAITING_FOR_TABLE =
      """
      select count(*) from pg_locks
       where not granted and relation = 'public.visits_v1'::regclass
         and database = (select oid from pg_database where datname = current_database())
      """;

  @Test
  void the_remains_of_a_dropped_version_do_not_hide_events_from_its_successor() throws Exception {
    appendMany(4);
    // As by a node that was about to start the version when it was dropped.
    try (Subscription late =
        Subscriptions.of(other.store)
            .create("visits/1")
            .startAt(Start.end())
            .handler(batch -> {})
            .start()) {
      assertThat(late.name()).isEqualTo("visits/1");
    }
    assertThat(store.query("select position from eventstore.subscriptions")).isEqualTo("4");
    try (Projection first = startLive(1)) {
      assertThat(first.isLive()).isTrue();
      assertThat(view()).isEqualTo("page-0 2 4, page-1 1 2, page-2 1 3");
    }
  }

  @Test
  void nodes_that_start_a_version_at_once_create_its_tables_once() throws Exception {
    appendMany(5);
    AtomicInteger created = new AtomicInteger();
    Visits counted =
        new Visits() {
          @Override
          public void create(String table, Connection connection) throws SQLException {
            created.incrementAndGet();
            super.create(table, connection);
          }
        };
    CountDownLatch start = new CountDownLatch(1);
    List<Future<Projection>> nodes =
        List.of(store, other).stream()
            .map(
                node ->
                    threads.submit(
                        () -> {
                          start.await();
                          return start(node, 1, counted);
                        }))
            .toList();
    start.countDown();
    try (Projection here = nodes.get(0).get(30, TimeUnit.SECONDS);
        Projection there = nodes.get(1).get(30, TimeUnit.SECONDS)) {
      assertThat(here.promote(PATIENCE)).isTrue();
      assertThat(there.isLive()).isTrue();
    }
    assertThat(created).hasValue(1);
    assertThat(view()).isEqualTo("page-0 2 4, page-1 2 5, page-2 1 3");
  }

  @Test
  void a_version_whose_tables_cannot_be_created_does_not_exist() throws Exception {
    store.execute("create table public.visits_v1 (x int)");
    assertThatThrownBy(() -> start(1, new Visits())).isInstanceOf(EventStoreException.class);
    assertThat(store.query("select count(*) from eventstore.projection_versions")).isEqualTo("0");
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("0");
  }

  @Test
  void progress_reports_position_speed_and_remaining_time() throws Exception {
    AppendResult last = appendMany(9);
    Gated slow = new Gated(6);
    try (Projection next =
        Projections.of(store.store).create("visits", 1).batchSize(3).definition(slow).start()) {
      assertThat(slow.reached.await(30, TimeUnit.SECONDS)).isTrue();
      ProjectionProgress half = next.progress();
      assertThat(half.position()).isEqualTo(Position.of(3));
      assertThat(half.highWaterMark()).isEqualTo(Position.of(9));
      assertThat(half.done()).isEqualTo(3 / 9.0);
      slow.open.countDown();
      next.awaitApplied(last, PATIENCE);

      ProjectionProgress done = next.progress();
      assertThat(done.position()).isEqualTo(Position.of(9));
      assertThat(done.eventsPerSecond()).isPositive();
      assertThat(done.remaining()).contains(Duration.ZERO);
      assertThat(done.done()).isEqualTo(1);
    }
  }

  @Test
  void versions_with_different_numbers_of_partitions_replace_each_other() throws Exception {
    AppendResult last = appendMany(50);
    Projections projections = Projections.of(store.store);
    try (Projection one = startLive(1);
        Projection four =
            projections
                .create("visits", 2)
                .partitions(4)
                .batchSize(5)
                .definition(new Visits())
                .start()) {
      assertThat(four.promote(PATIENCE)).isTrue();
      assertThat(view()).isEqualTo("page-0 17 49, page-1 17 50, page-2 16 48");
      one.awaitApplied(last, PATIENCE);
      assertThat(one.promote(PATIENCE)).isFalse();
      assertThat(one.makeLive(PATIENCE)).isTrue();
      assertThat(four.drop()).isTrue();
    }
    assertThat(store.query("select count(*) from eventstore.subscriptions")).isEqualTo("1");
  }

  @Test
  void a_version_is_not_promoted_before_its_last_partition_has_caught_up() throws Exception {
    appendMany(12);
    List<Integer> partitions =
        Stream.of("0", "1", "2").map(key -> Partitions.of(StreamId.of("page", key), 4)).toList();
    assertThat(partitions.subList(1, 3)).doesNotContain(partitions.get(0));
    Visits slow =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            if (batch.events().get(0).stream().key().equals("0")) {
              throw new SQLException("try again", "40001");
            }
            super.handle(table, batch);
          }
        };
    try (Projection live = startLive(1);
        Projection next =
            Projections.of(store.store)
                .create("visits", 2)
                .partitions(4)
                .definition(slow)
                .start()) {
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  store
                      .query(
                          "select max(position) from eventstore.subscriptions"
                              + " where name = 'visits/2'")
                      .equals("12"));
      assertThatThrownBy(() -> next.promote(Duration.ofMillis(300)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("position 0 of 12");
      assertThat(live.isLive()).isTrue();
    }
  }

  @Test
  void a_version_that_has_stopped_is_not_promoted_and_not_waited_for() throws Exception {
    appendMany(3);
    Visits failing =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            throw new java.io.IOException("page not found");
          }
        };
    try (Projection live = startLive(1);
        Projection next =
            Projections.of(store.store)
                .create("visits", 2)
                .onFailure(FailurePolicy.stop())
                .definition(failing)
                .start()) {
      assertThatThrownBy(() -> next.promote(PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("version 2 of projection visits has stopped at position 0")
          .hasMessageContaining("page not found");
      assertThat(live.isLive()).isTrue();
    }
  }

  @Test
  void a_version_with_parked_events_is_not_promoted_until_they_are_handled() throws Exception {
    AppendResult last = appendMany(3);
    AtomicInteger broken = new AtomicInteger(1);
    Visits poisoned =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            if (broken.get() == 1
                && batch.events().stream().anyMatch(e -> e.position().value() == 2)) {
              throw new java.io.IOException("page not found");
            }
            super.handle(table, batch);
          }
        };
    try (Projection next = parking(poisoned)) {
      next.awaitApplied(last, PATIENCE);
      assertThatThrownBy(() -> next.promote(PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("version 1 of projection visits has parked 1 event:");
      broken.set(0);
      assertThat(next.subscription().parked().replay().handled()).isEqualTo(1);

      assertThat(next.promote(PATIENCE)).isTrue();
      assertThat(view()).isEqualTo("page-0 1 1, page-1 1 2, page-2 1 3");
    }
  }

  @Test
  void the_parked_events_of_a_dropped_version_are_removed() throws Exception {
    AppendResult last = appendMany(3);
    Visits poisoned =
        new Visits() {
          @Override
          public void handle(String table, EventBatch batch) throws Exception {
            throw new java.io.IOException("page not found");
          }
        };
    try (Projection first = parking(poisoned)) {
      assertThatThrownBy(() -> first.awaitApplied(last, PATIENCE))
          .isInstanceOf(EventParkedException.class);
      assertThat(first.subscription().parked().count()).isEqualTo(3);
      assertThat(first.drop()).isTrue();
      assertThat(first.subscription().parked().count()).isZero();
    }
    try (Projection again = startLive(2)) {
      assertThat(again.isLive()).isTrue();
      assertThat(view()).isEqualTo("page-0 1 1, page-1 1 2, page-2 1 3");
    }
  }

  private Projection parking(Visits definition) {
    return Projections.of(store.store)
        .create("visits", 1)
        .onFailure(
            FailurePolicy.retry(1).backOff(Duration.ofMillis(1), Duration.ofMillis(1)).thenPark())
        .definition(definition)
        .start();
  }

  @Test
  void a_repeatable_read_transaction_sees_the_table_of_its_snapshot_completely() throws Exception {
    AppendResult last = appendMany(5);
    Gated slow = new Gated(5);
    Projections projections = Projections.of(store.store);
    try (Projection live = startLive(1);
        Connection report = store.begin()) {
      report.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      assertThat(TestStore.query(report, "select 1")).isEqualTo("1");
      try (Projection next = start(2, slow)) {
        slow.open.countDown();
        assertThat(next.promote(PATIENCE)).isTrue();
        live.awaitApplied(last, PATIENCE);

        assertThat(projections.liveVersion("visits")).hasValue(2);
        assertThat(projections.liveVersion("visits", report)).hasValue(1);
        assertThat(Visits.read("visits_v1", report))
            .isEqualTo("page-0 2 4, page-1 2 5, page-2 1 3");
      }
    }
  }

  @Test
  void a_pool_without_auto_commit_and_with_another_isolation_level_works() throws Exception {
    appendMany(10);
    HikariConfig config = new HikariConfig();
    config.setDataSource(store.database.dataSource());
    config.setAutoCommit(false);
    config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ");
    Gated slow = new Gated(10);
    try (HikariDataSource pool = new HikariDataSource(config);
        EventStore odd =
            PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build();
        Projection live = startLive(1);
        Projection next = Projections.of(odd).create("visits", 2).definition(slow).start()) {
      Promoting promoting = new Promoting(next, PATIENCE);
      promoting.awaitApproach();
      slow.open.countDown();

      assertThat(promoting.get()).isTrue();
      assertThat(Projections.of(odd).onDemand(EventQuery.all(), new Visits(), Visits::read))
          .isEqualTo(view());
      assertThat(live.drop()).isTrue();
    }
  }

  @Test
  void names_that_do_not_fit_into_sql_and_versions_below_one_are_refused() {
    Projections projections = Projections.of(store.store);
    for (String name : List.of("", "Visits", "a-b", "1st", "visits; drop", "x".repeat(49))) {
      assertThatThrownBy(() -> projections.create(name, 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> projections.create("visits", 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> projections.create("visits", 1).start())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no definition");
  }
}
