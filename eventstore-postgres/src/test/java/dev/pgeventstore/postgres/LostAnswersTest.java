package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Connections that are cut between a commit and its response, and before the request arrives. */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class LostAnswersTest {

  private static final StreamId STREAM = StreamId.of("order", "1");
  private static final StreamId OTHER = StreamId.of("order", "2");

  private Database database;
  private CuttingProxy proxy;
  private TestStore store;
  private AppendHistory history;

  private void open(Database directly, Appending appending) {
    database = directly;
    proxy = new CuttingProxy(directly);
    store = new TestStore(proxy.database(), 10, appending::apply);
    history = new AppendHistory(appending.isGrouped());
  }

  @AfterEach
  void close() {
    store.close();
    proxy.close();
  }

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private List<Append> ofEveryKind() {
    history.append(store.store, Append.to(STREAM, noStream(), events(2)));
    List<Append> appends = new ArrayList<>();
    for (ExpectedVersion expected : List.of(any(), streamExists(), exactly(4))) {
      appends.add(Append.to(STREAM, expected, events(1)));
    }
    appends.add(Append.to(OTHER, noStream(), events(2)));
    appends.add(
        Append.to(OTHER, exactly(2), events(1))
            .and(STREAM, any(), events(2))
            .check(StreamId.of("order", "3"), noStream()));
    appends.add(Append.to(StreamId.of("order", "4"), any(), events(1)).check(OTHER, exactly(3)));
    return appends;
  }

  private static void assertUnknown(Runnable append) {
    assertThatThrownBy(append::run)
        .isInstanceOf(OutcomeUnknownException.class)
        .hasMessageContaining("Send the same append again");
  }

  @ParameterizedTest
  @EnumSource
  void the_retry_of_an_append_with_a_lost_response_is_recognised(
      Appending appending, Database directly) throws Exception {
    open(directly, appending);
    for (Append append : ofEveryKind()) {
      proxy.loseAnswers(1);
      assertUnknown(() -> history.append(store.store, append));
      int stored = AppendHistory.stored(database).size();

      AppendResult retried = history.append(store.store, append);

      assertThat(retried.replayed()).isTrue();
      assertThat(AppendHistory.stored(database)).hasSize(stored);
    }
    assertThat(proxy.lost()).isEqualTo(6);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void an_append_that_never_arrived_is_written_by_its_retry(Appending appending, Database directly)
      throws Exception {
    open(directly, appending);
    for (Append append : ofEveryKind()) {
      proxy.loseRequests(1);
      assertUnknown(() -> history.append(store.store, append));
      assertThat(history.append(store.store, append).replayed()).isFalse();
    }
    assertThat(proxy.lost()).isEqualTo(6);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void the_retry_of_a_retry_is_recognised_too(Appending appending, Database directly)
      throws Exception {
    open(directly, appending);
    for (Append append : ofEveryKind()) {
      proxy.loseAnswers(1);
      assertUnknown(() -> history.append(store.store, append));
      proxy.loseAnswers(1);
      assertUnknown(() -> history.append(store.store, append));
      assertThat(history.append(store.store, append).replayed()).isTrue();
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void an_asynchronous_append_reports_a_lost_response_too(Appending appending, Database directly)
      throws Exception {
    open(directly, appending);
    for (Append append : ofEveryKind()) {
      for (boolean answer : new boolean[] {false, true}) {
        proxy.loseAnswers(answer ? 1 : 0);
        proxy.loseRequests(answer ? 0 : 1);
        CompletableFuture<AppendResult> future = history.appendAsync(store.store, append);
        assertThatThrownBy(() -> future.get(30, TimeUnit.SECONDS))
            .isInstanceOf(ExecutionException.class)
            .satisfies(
                e ->
                    assertThat(AppendHistory.unwrapped(e.getCause()))
                        .isInstanceOf(OutcomeUnknownException.class));
      }
      assertThat(history.appendAsync(store.store, append).get(30, TimeUnit.SECONDS).replayed())
          .isTrue();
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void appends_whose_responses_are_lost_together_get_their_results_by_retries(
      Appending appending, Database directly) throws Exception {
    open(directly, appending);
    Crowd.doAtOnce(
        24,
        thread -> {
          for (int i = 0; i < 10; i++) {
            if (thread == 0) {
              proxy.loseAnswers(1);
              proxy.loseRequests(i % 2);
            }
            StreamId own = StreamId.of("own", "" + thread);
            tryUntilKnown(
                switch ((thread + i) % 4) {
                  case 0 -> Append.to(STREAM, any(), events(1));
                  case 1 -> Append.to(own, any(), events(2));
                  case 2 -> Append.to(own, any(), events(1)).and(OTHER, any(), events(1));
                  default -> Append.to(StreamId.of("new", thread + "-" + i), noStream(), events(1));
                });
          }
          return null;
        });
    assertThat(proxy.lost()).isPositive();
    assertThat(history.count(Told.UNKNOWN)).isPositive();
    assertThat(history.count(Told.WRITTEN)).isEqualTo(240);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void one_thread_with_many_in_flight_gets_its_results_by_retries(
      Appending appending, Database directly) throws Exception {
    open(directly, appending);
    for (int round = 0; round < 5; round++) {
      List<Append> appends = new ArrayList<>();
      List<Future<AppendResult>> answers = new ArrayList<>();
      proxy.loseAnswers(1);
      proxy.loseRequests(1);
      for (int i = 0; i < 60; i++) {
        Append append =
            i % 2 == 0
                ? Append.to(STREAM, any(), events(1))
                : Append.to(StreamId.of("new", round + "-" + i), noStream(), events(2));
        appends.add(append);
        answers.add(history.appendAsync(store.store, append));
      }
      for (int i = 0; i < appends.size(); i++) {
        try {
          answers.get(i).get(30, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
          // Unknown, or not sent because it came behind one that is.
          Throwable failure = AppendHistory.unwrapped(e.getCause());
          if (!(failure instanceof OutcomeUnknownException)) {
            assertThat(failure)
                .isExactlyInstanceOf(EventStoreException.class)
                .hasMessageContaining("nothing was written");
          }
          tryUntilKnown(appends.get(i));
        }
      }
    }
    assertThat(history.count(Told.UNKNOWN)).isPositive();
    assertThat(history.count(Told.WRITTEN)).isEqualTo(300);
    history.check(database, "in the end");
  }

  private void tryUntilKnown(Append append) {
    for (int attempt = 1; ; attempt++) {
      try {
        history.append(store.store, append);
        return;
      } catch (OutcomeUnknownException e) {
        if (attempt == 100) {
          throw e;
        }
      } catch (EventStoreException e) {
        // It came behind another one of this thread, whose outcome is unknown.
        assertThat(e)
            .isExactlyInstanceOf(EventStoreException.class)
            .hasMessageContaining("this one was not sent");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void connections_cut_while_idle_cost_no_append_and_write_none_twice(
      Appending appending, Database directly) throws Exception {
    open(directly, appending);
    for (int round = 0; round < 5; round++) {
      Crowd.doAtOnce(
          10,
          thread -> {
            tryUntilKnown(Append.to(StreamId.of("own", "" + thread), any(), events(1)));
            return null;
          });
      proxy.cutAll();
    }
    assertThat(history.count(Told.WRITTEN)).isEqualTo(50);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void connections_cut_at_any_moment_lose_nothing_and_write_nothing_twice(
      Appending appending, Database directly) throws Exception {
    open(directly, appending);
    try (Crowd crowd = new Crowd()) {
      List<Future<Object>> writers =
          crowd.start(
              30,
              thread -> {
                for (int i = 0; i < 15; i++) {
                  tryUntilWritten(
                      i % 3 == 0
                          ? Append.to(STREAM, any(), events(1)).and(OTHER, any(), events(1))
                          : Append.to(StreamId.of("own", "" + thread), any(), events(2)));
                }
                return null;
              });
      for (int cuts = 1; cuts <= 5; cuts++) {
        int enough = cuts * 40;
        org.awaitility.Awaitility.await()
            .atMost(java.time.Duration.ofSeconds(30))
            .pollInterval(java.time.Duration.ofMillis(2))
            .until(() -> history.count(Told.WRITTEN) >= enough);
        proxy.cutAll();
      }
      Crowd.results(writers);
    }
    assertThat(history.count(Told.UNKNOWN)).isPositive();
    assertThat(history.count(Told.WRITTEN)).isEqualTo(450);
    history.check(database, "in the end");
  }

  /** Also after one of which is known that nothing was sent. */
  private void tryUntilWritten(Append append) {
    for (int attempt = 1; ; attempt++) {
      try {
        history.append(store.store, append);
        return;
      } catch (EventStoreException e) {
        if (attempt == 100) {
          throw e;
        }
      }
    }
  }
}
