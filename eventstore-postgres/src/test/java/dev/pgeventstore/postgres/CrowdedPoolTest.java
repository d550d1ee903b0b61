package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
  @EnumSource
  void two_connections_serve_500_threads(Appending appending, Database database) throws Exception {
    crowd(database, appending, 2, 500, 4);
  }

  @ParameterizedTest
  @EnumSource
  void ten_connections_serve_1000_threads(Appending appending, Database database) throws Exception {
    crowd(database, appending, 10, 1_000, 3);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("soak")
  void two_connections_serve_500_threads_for_long(Appending appending, Database database)
      throws Exception {
    crowd(database, appending, 2, 500, 100);
  }

  @ParameterizedTest
  @EnumSource
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
}
