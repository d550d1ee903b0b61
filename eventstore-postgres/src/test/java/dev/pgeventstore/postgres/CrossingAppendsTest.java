package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Appends over the same streams in opposite orders, and transactions of callers that lock streams
 * in whatever order they like: nobody hangs, and only those transactions ever fail.
 */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class CrossingAppendsTest {

  private static final List<StreamId> STREAMS =
      IntStream.range(0, 6).mapToObj(i -> StreamId.of("crossed", "" + i)).toList();

  private Appending appending;
  private TestStore store;
  private AppendHistory history;

  private void open(Database database, Appending how) throws SQLException {
    appending = how;
    try (Connection connection = database.open()) {
      TestStore.execute(
          connection,
          "alter database \"%s\" set deadlock_timeout = '30ms'".formatted(connection.getCatalog()));
    }
    store = new TestStore(database, 20, how::apply);
    history = new AppendHistory(how.isGrouped());
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static Append toAll(List<StreamId> streams) {
    Append append = Append.to(streams.get(0), any(), events(1));
    for (StreamId stream : streams.subList(1, streams.size())) {
      append = append.and(stream, any(), events(1));
    }
    return append;
  }

  private static List<StreamId> some(Random random) {
    List<StreamId> streams = new ArrayList<>(STREAMS);
    Collections.shuffle(streams, random);
    return streams.subList(0, 2 + random.nextInt(4));
  }

  @ParameterizedTest
  @EnumSource
  void appends_over_streams_in_every_order_all_succeed(Appending how, Database database)
      throws Exception {
    open(database, how);
    Crowd.doAtOnce(
        24,
        thread -> {
          Random random = new Random(thread);
          for (int i = 0; i < 15; i++) {
            history.append(store.store, toAll(some(random)));
          }
          return null;
        });
    assertThat(history.count(Told.WRITTEN)).isEqualTo(24 * 15);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void beside_transactions_in_other_orders_appends_of_their_own_all_succeed(
      Appending how, Database database) throws Exception {
    open(database, how);
    Crowd.doAtOnce(
        16,
        thread -> {
          Random random = new Random(thread);
          for (int i = 0; i < 10; i++) {
            if (thread < 6) {
              transaction(some(random).subList(0, 2), random.nextBoolean());
            } else if (thread < 11) {
              appendOfItsOwn(toAll(some(random)));
            } else {
              appendOfItsOwn(Append.to(STREAMS.get(random.nextInt(6)), any(), events(1)));
            }
          }
          return null;
        });
    history.check(database, "in the end");
  }

  /** One stream after the other. */
  private void transaction(List<StreamId> streams, boolean commits) throws SQLException {
    try (Connection connection = store.begin()) {
      AppendHistory.Transaction transaction = history.within(store.store, connection);
      try {
        for (StreamId stream : streams) {
          transaction.append(Append.to(stream, any(), events(1)));
        }
      } catch (EventStoreException e) {
        assertThat(isDeadlock(e)).as("a deadlock: %s", e).isTrue();
        connection.rollback();
        transaction.rolledBack();
        return;
      }
      if (commits) {
        connection.commit();
        transaction.committed();
      } else {
        connection.rollback();
        transaction.rolledBack();
      }
    }
  }

  private void appendOfItsOwn(Append append) {
    try {
      history.append(store.store, append);
    } catch (EventStoreException e) {
      // One by one, an append gives up after some deadlocks in a row.
      if (appending.isGrouped() || !isDeadlock(e)) {
        throw e;
      }
    }
  }

  private static boolean isDeadlock(EventStoreException e) {
    return e.getCause() instanceof SQLException sql && "40P01".equals(sql.getSQLState());
  }

  @ParameterizedTest
  @EnumSource
  void an_append_in_a_deadlock_with_a_transaction_is_still_written(Appending how, Database database)
      throws Exception {
    open(database, how);
    StreamId first = STREAMS.get(0);
    StreamId second = STREAMS.get(1);
    try (Crowd crowd = new Crowd();
        Connection connection = store.begin()) {
      AppendHistory.Transaction transaction = history.within(store.store, connection);
      transaction.append(Append.to(second, any(), events(1)));
      List<Future<AppendResult>> waiting =
          crowd.start(
              8,
              thread ->
                  history.append(
                      store.store,
                      thread % 2 == 0
                          ? toAll(List.of(first, second))
                          : toAll(List.of(second, first))));
      await().atMost(Duration.ofSeconds(30)).until(this::isSomebodyWaiting);
      try {
        transaction.append(Append.to(first, any(), events(1)));
        connection.commit();
        transaction.committed();
      } catch (EventStoreException e) {
        assertThat(isDeadlock(e)).as("a deadlock: %s", e).isTrue();
        connection.rollback();
        transaction.rolledBack();
      }
      for (Future<AppendResult> each : waiting) {
        each.get(30, TimeUnit.SECONDS);
      }
    }
    history.check(database, "in the end");
  }

  private boolean isSomebodyWaiting() throws SQLException {
    return !store
        .query(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                + " and datname = current_database()")
        .equals("0");
  }
}
