package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Many more threads than connections. */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class CrowdedPoolTest {

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static void crowd(
      Database database, Appending appending, int connections, int threads, int each)
      throws Exception {
    AppendHistory history = new AppendHistory(appending.isGrouped());
    try (TestStore store = new TestStore(database, connections, appending::apply)) {
      long began = System.nanoTime();
      Crowd.doAtOnce(
          threads,
          thread -> {
            for (int i = 0; i < each; i++) {
              history.append(
                  store.store,
                  switch ((thread + i) % 10) {
                    case 0 -> Append.to(StreamId.of("hot", "1"), any(), events(1));
                    case 1 ->
                        Append.to(StreamId.of("hot", "2"), any(), events(1))
                            .and(StreamId.of("own", "" + thread), any(), events(1));
                    default ->
                        Append.to(
                            StreamId.of("new", thread + "-" + i),
                            ExpectedVersion.noStream(),
                            events(1));
                  });
            }
            return null;
          });
      System.out.printf(
          "%d threads over %d connections, %s: %d appends/s%n",
          threads,
          connections,
          appending,
          threads * each * 1_000_000_000L / (System.nanoTime() - began));
    }
    assertThat(history.count(Told.WRITTEN)).isEqualTo((long) threads * each);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void two_connections_serve_500_threads(Appending appending, Database database) throws Exception {
    crowd(database, appending, 2, 500, 2);
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void ten_connections_serve_1000_threads(Appending appending, Database database) throws Exception {
    crowd(database, appending, 10, 1_000, 2);
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  @Tag("soak")
  void two_connections_serve_500_threads_for_long(Appending appending, Database database)
      throws Exception {
    crowd(database, appending, 2, 500, 40);
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void two_connections_serve_thousands_in_flight_of_one_thread(
      Appending appending, Database database) throws Exception {
    appending.assumeGrouped(); // One by one, each in flight takes a thread.
    AppendHistory history = new AppendHistory(true);
    try (TestStore store = new TestStore(database, 2, appending::apply)) {
      List<Future<AppendResult>> answers = new ArrayList<>();
      for (int i = 0; i < 5_000; i++) {
        answers.add(
            history.appendAsync(
                store.store, Append.to(StreamId.of("own", "" + i % 700), any(), events(1))));
      }
      assertThat(Crowd.results(answers)).noneMatch(AppendResult::replayed);
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void without_a_connection_each_append_is_refused_and_afterwards_written(
      Appending appending, Database database) throws Exception {
    AppendHistory history = new AppendHistory(appending.isGrouped());
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(2);
    config.setConnectionTimeout(2_000);
    try (HikariDataSource pool = new HikariDataSource(config);
        PostgresEventStore store = store(pool, appending)) {
      history.append(store, own(0));
      try (Connection one = pool.getConnection();
          Connection other = pool.getConnection()) {
        assertThat(one).isNotSameAs(other);
        Crowd.doAtOnce(
            40,
            thread -> {
              assertThatThrownBy(() -> history.append(store, own(thread)))
                  .isExactlyInstanceOf(EventStoreException.class)
                  .hasMessageContaining("nothing was written");
              return null;
            });
      }
      Crowd.doAtOnce(5, thread -> history.append(store, own(thread)));
    }
    assertThat(history.count(Told.WRITTEN)).isEqualTo(6);
    history.check(database, "in the end");
  }

  private static PostgresEventStore store(HikariDataSource pool, Appending appending) {
    return appending
        .apply(PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())))
        .build();
  }

  private static Append own(int thread) {
    return Append.to(StreamId.of("own", "" + thread), any(), events(1));
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void many_large_appends_at_once_are_all_written(Appending appending, Database database)
      throws Exception {
    AppendHistory history = new AppendHistory(appending.isGrouped());
    try (TestStore store = new TestStore(database, 4, appending::apply)) {
      Crowd.doAtOnce(
          30,
          thread -> {
            NewEvent large =
                NewEvent.of(EncodedEvent.of("large", 1, '"' + "x".repeat(700_000) + '"'))
                    .withId(UUID.randomUUID());
            history.append(
                store.store,
                thread % 5 == 0
                    ? Append.to(StreamId.of("many", "" + thread), any(), events(1_000))
                    : Append.to(StreamId.of("large", "" + thread % 3), any(), List.of(large)));
            return null;
          });
    }
    assertThat(history.count(Told.WRITTEN)).isEqualTo(30);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @ValueSource(strings = {"TRANSACTION_REPEATABLE_READ", "TRANSACTION_SERIALIZABLE"})
  void results_are_right_with_a_pool_of_stricter_isolation_without_auto_commit(
      String isolation, Database database) throws Exception {
    Appending appending = Appending.GROUPED;
    AppendHistory history = new AppendHistory(appending.isGrouped());
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    config.setMaximumPoolSize(8);
    config.setMinimumIdle(0);
    config.setAutoCommit(false);
    config.setTransactionIsolation(isolation);
    try (HikariDataSource pool = new HikariDataSource(config);
        PostgresEventStore store = store(pool, appending)) {
      Crowd.doAtOnce(
          16,
          thread -> {
            for (int i = 0; i < 10; i++) {
              long version = i % 2 == 0 ? 0 : store.read(StreamId.of("hot", "1")).size();
              ExpectedVersion expected = i % 2 == 0 ? any() : ExpectedVersion.exactly(version);
              try {
                history.append(
                    store,
                    Append.to(StreamId.of("own", "" + thread), any(), events(1))
                        .and(StreamId.of("hot", "1"), expected, events(1)));
              } catch (ConflictException e) {
                assertThat(e.of(StreamId.of("hot", "1"))).isPresent();
              } catch (EventStoreException e) {
                // One by one, an append gives up after some races in a row.
                if (appending.isGrouped()
                    || !(e.getCause() instanceof SQLException sql)
                    || !"40001".equals(sql.getSQLState())) {
                  throw e;
                }
              }
            }
            return null;
          });
    }
    history.check(database, "in the end");
  }
}
