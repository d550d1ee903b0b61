package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Stream rows that another application has locked: only appends to these streams wait. */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class LockedStreamsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int OTHERS = 1_000;

  private TestStore store;
  private AppendHistory history;

  private void open(Database database, Appending how, int connections) {
    store = new TestStore(database, connections, how::apply);
    history = new AppendHistory(how.isGrouped());
  }

  @AfterEach
  void close() {
    if (store != null) {
      store.close();
    }
  }

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static StreamId locked(int number) {
    return StreamId.of("locked", "" + number);
  }

  private static StreamId free(int number) {
    return StreamId.of("free", "" + number);
  }

  /** Creates the streams, and locks their rows as another application would. */
  private Connection lock(int streams) throws SQLException {
    for (int i = 0; i < streams; i++) {
      history.append(store.store, Append.to(locked(i), any(), events(1)));
    }
    Connection stranger = store.begin();
    TestStore.execute(
        stranger,
        IntStream.range(0, streams)
            .mapToObj(i -> "'" + locked(i) + "'")
            .collect(
                Collectors.joining(
                    ", ",
                    "select * from eventstore.streams where stream_id in (",
                    ") order by stream_id for update")));
    return stranger;
  }

  private Future<AppendResult> appendAsync(Append append) {
    return history.appendAsync(store.store, append);
  }

  /** Half of them from 32 threads that wait, half from one that does not. */
  private AppendResult appendToOthers() throws Exception {
    List<AppendResult> results = new ArrayList<>();
    try (Crowd crowd = new Crowd()) {
      List<Future<Object>> blocking =
          crowd.start(
              32,
              thread -> {
                for (int i = 0; i < OTHERS / 2 / 32; i++) {
                  history.append(store.store, Append.to(free(thread), any(), events(1)));
                }
                return null;
              });
      List<Future<AppendResult>> answers = new ArrayList<>();
      for (int i = 0; i < OTHERS / 2; i++) {
        answers.add(appendAsync(Append.to(free(i % 50), any(), events(1))));
      }
      results.addAll(Crowd.results(answers));
      Crowd.results(blocking);
    }
    return results.get(results.size() - 1);
  }

  private void aLockedStream(Duration atLeast) throws Exception {
    List<Future<AppendResult>> waiting = new ArrayList<>();
    try (Crowd crowd = new Crowd();
        Subscription view =
            Subscriptions.of(store.store).create("view").handler(batch -> {}).start()) {
      try (Connection stranger = lock(1)) {
        Instant until = Instant.now().plus(atLeast);
        waiting.addAll(
            crowd.start(
                4, thread -> history.append(store.store, Append.to(locked(0), any(), events(2)))));
        waiting.addAll(
            crowd.start(
                1,
                thread ->
                    history.append(
                        store.store,
                        Append.to(StreamId.of("aside", "7"), any(), events(1))
                            .and(locked(0), any(), events(1)))));
        waiting.addAll(
            crowd.start(
                1,
                thread ->
                    history.append(
                        store.store,
                        Append.to(StreamId.of("aside", "8"), any(), events(1))
                            .check(locked(0), streamExists()))));
        for (int i = 0; i < 4; i++) {
          waiting.add(appendAsync(Append.to(locked(0), any(), events(1))));
        }
        do {
          view.awaitApplied(appendToOthers(), PATIENCE);
        } while (Instant.now().isBefore(until));
        assertThat(waiting).noneMatch(Future::isDone);
        stranger.rollback();
      }
      assertThat(Crowd.results(waiting)).hasSize(10);
      view.awaitApplied(
          history.append(store.store, Append.to(locked(0), any(), events(1))), PATIENCE);
    }
    assertThat(store.store.read(locked(0))).hasSize(1 + 8 + 1 + 4 + 1);
    history.check(store.database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void a_locked_stream_delays_its_own_appends_only(Appending how, Database database)
      throws Exception {
    open(database, how, 20);
    aLockedStream(Duration.ofMillis(500));
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  @Tag("soak")
  void a_stream_locked_for_5_seconds_delays_its_own_appends_only(Appending how, Database database)
      throws Exception {
    open(database, how, 20);
    aLockedStream(Duration.ofSeconds(5));
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void a_stream_locked_while_appends_to_it_are_under_way_delays_its_own_only(
      Appending how, Database database) throws Exception {
    open(database, how, 20);
    try (Crowd crowd = new Crowd()) {
      List<Future<Object>> writers =
          crowd.start(
              6,
              thread -> {
                for (int i = 0; i < 60; i++) {
                  history.append(store.store, Append.to(locked(i % 2), any(), events(1)));
                }
                return null;
              });
      for (int round = 0; round < 5; round++) {
        try (Connection stranger = lock(2)) {
          Crowd.doAtOnce(
              8, thread -> history.append(store.store, Append.to(free(thread), any(), events(1))));
          stranger.rollback();
        }
      }
      Crowd.results(writers);
    }
    assertThat(history.count(Told.WRITTEN)).isEqualTo(6 * 60 + 5 * 2 + 5 * 8);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void fifty_locked_streams_with_more_waiters_than_connections_delay_only_their_own_appends(
      Appending how, Database database) throws Exception {
    how.assumeGrouped(); // One by one, those that wait take all connections.
    open(database, how, 10);
    List<Future<AppendResult>> waiting = new ArrayList<>();
    try (Crowd crowd = new Crowd();
        Subscription view =
            Subscriptions.of(store.store).create("view").handler(batch -> {}).start()) {
      try (Connection stranger = lock(50)) {
        waiting.addAll(
            crowd.start(
                100,
                thread ->
                    history.append(store.store, Append.to(locked(thread % 50), any(), events(1)))));
        for (int i = 0; i < 100; i++) {
          waiting.add(appendAsync(Append.to(locked(i % 50), any(), events(1))));
        }
        view.awaitApplied(appendToOthers(), PATIENCE);
        view.awaitApplied(appendToOthers(), PATIENCE);
        assertThat(waiting).noneMatch(Future::isDone);
        stranger.rollback();
      }
      assertThat(Crowd.results(waiting)).hasSize(200);
    }
    for (int i = 0; i < 50; i++) {
      assertThat(store.store.read(locked(i))).hasSize(5);
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void the_appends_of_one_thread_to_a_locked_stream_keep_their_order(
      Appending how, Database database) throws Exception {
    how.assumeGrouped(); // One by one, each in flight runs in a thread of its own.
    open(database, how, 5);
    List<Future<AppendResult>> waiting = new ArrayList<>();
    try (Connection stranger = lock(1)) {
      for (int i = 0; i < 200; i++) {
        waiting.add(
            appendAsync(
                i % 3 == 0
                    ? Append.to(locked(0), exactly(i + 1), events(1))
                    : Append.to(locked(0), any(), events(1))));
        history.append(store.store, Append.to(free(i), any(), events(1)));
      }
      assertThat(waiting).noneMatch(Future::isDone);
      stranger.rollback();
    }
    List<AppendResult> results = Crowd.results(waiting);
    for (int i = 0; i < 200; i++) {
      assertThat(results.get(i).version()).isEqualTo(i + 2);
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void a_transaction_that_holds_a_new_stream_delays_its_own_appends_only(
      Appending how, Database database) throws Exception {
    open(database, how, 20);
    List<Future<AppendResult>> waiting;
    try (Crowd crowd = new Crowd()) {
      try (Connection connection = store.begin()) {
        AppendHistory.Transaction transaction = history.within(store.store, connection);
        transaction.append(Append.to(locked(0), any(), events(1)));
        waiting =
            crowd.start(
                3, thread -> history.append(store.store, Append.to(locked(0), any(), events(1))));
        await()
            .atMost(PATIENCE)
            .until(
                () ->
                    !store
                        .query(
                            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                + " and datname = current_database()")
                        .equals("0"));
        appendToOthers();
        assertThat(waiting).noneMatch(Future::isDone);
        connection.commit();
        transaction.committed();
      }
      Crowd.results(waiting);
    }
    assertThat(store.store.read(locked(0))).hasSize(4);
    history.check(database, "in the end");
  }
}
