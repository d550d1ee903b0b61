package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A store that is closed while appends are in flight: each is written and acknowledged, or refused.
 */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class CloseWhileAppendingTest {

  private static final int THREADS = 60;
  private static final int EACH = 30;

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static Append append(int thread, int i) {
    return i % 5 == 0
        ? Append.to(StreamId.of("shared", "1"), any(), events(1))
        : Append.to(StreamId.of("own", "" + thread), any(), events(1));
  }

  /** The message must say that the store is closed, or that nothing was written. */
  private static void assertRefused(Throwable refused) {
    if (!(refused instanceof IllegalStateException)) {
      assertThat(refused)
          .isExactlyInstanceOf(EventStoreException.class)
          .hasMessageContaining("nothing was written");
    }
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void each_append_is_written_and_acknowledged_or_refused(Appending appending, Database database)
      throws Exception {
    AppendHistory history = new AppendHistory(appending.isGrouped());
    try (TestStore store = new TestStore(database, 10, appending::apply);
        Crowd crowd = new Crowd()) {
      List<Future<Object>> writers =
          crowd.start(
              THREADS,
              thread -> {
                for (int i = 0; i < EACH; i++) {
                  if (thread % 2 == 0) {
                    waitFor(history, store, append(thread, i));
                  } else if (i % 10 == 0) {
                    sendTen(history, store, thread);
                  }
                }
                return null;
              });
      await()
          .atMost(Duration.ofSeconds(30))
          .pollInterval(Duration.ofMillis(2))
          .until(() -> history.count(Told.WRITTEN) >= 300);
      store.store.close();
      Crowd.results(writers);
    }
    assertThat(history.count(Told.UNKNOWN)).isZero();
    if (appending.isGrouped()) {
      assertThat(history.count(Told.REFUSED)).isPositive();
    }
    history.check(database, "in the end");
  }

  private static void waitFor(AppendHistory history, TestStore store, Append append) {
    try {
      history.append(store.store, append);
    } catch (IllegalStateException | EventStoreException e) {
      assertRefused(e);
    }
  }

  private static void sendTen(AppendHistory history, TestStore store, int thread) throws Exception {
    List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      try {
        answers.add(history.appendAsync(store.store, append(thread, i)));
      } catch (IllegalStateException | EventStoreException e) {
        assertRefused(e);
      }
    }
    for (CompletableFuture<AppendResult> answer : answers) {
      try {
        answer.get(60, TimeUnit.SECONDS);
      } catch (ExecutionException e) {
        assertRefused(AppendHistory.unwrapped(e.getCause()));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void what_was_accepted_is_finished_when_closing_returns(Appending appending, Database database)
      throws Exception {
    appending.assumeGrouped(); // One by one, closing waits for no append.
    AppendHistory history = new AppendHistory(true);
    try (TestStore store = new TestStore(database, 5, appending::apply)) {
      List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        answers.add(history.appendAsync(store.store, append(i % 20, i)));
      }
      store.store.close();
      assertThat(answers).allMatch(CompletableFuture::isDone);
      for (CompletableFuture<AppendResult> answer : answers) {
        if (answer.isCompletedExceptionally()) {
          assertThatThrownBy(() -> answer.get(1, TimeUnit.SECONDS))
              .satisfies(e -> assertRefused(AppendHistory.unwrapped(e.getCause())));
        }
      }
    }
    assertThat(history.count(Told.UNKNOWN)).isZero();
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void closing_while_a_stream_is_locked_leaves_no_caller_without_a_result(
      Appending appending, Database database) throws Exception {
    AppendHistory history = new AppendHistory(appending.isGrouped());
    try (TestStore store = new TestStore(database, 5, appending::apply);
        Crowd crowd = new Crowd()) {
      StreamId locked = StreamId.of("locked", "1");
      history.append(store.store, Append.to(locked, any(), events(1)));
      List<Future<Object>> waiting;
      Future<?> closing;
      CountDownLatch begun = new CountDownLatch(3);
      try (Connection stranger = store.begin()) {
        TestStore.execute(
            stranger, "select * from eventstore.streams where stream_id = 'locked-1' for update");
        waiting =
            crowd.start(
                3,
                thread -> {
                  begun.countDown();
                  waitFor(history, store, Append.to(locked, any(), events(1)));
                  return null;
                });
        assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
        closing =
            crowd
                .start(
                    1,
                    thread -> {
                      store.store.close();
                      return null;
                    })
                .get(0);
        stranger.rollback();
      }
      Crowd.results(waiting);
      closing.get(60, TimeUnit.SECONDS);
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void a_closed_store_refuses_to_append(Appending appending, Database database) throws Exception {
    appending.assumeGrouped(); // One by one, a closed store still appends.
    try (TestStore store = new TestStore(database, 5, appending::apply)) {
      store.append("order-1");
      store.store.close();
      store.store.close();
      assertThatThrownBy(() -> store.append("order-1"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
      assertThatThrownBy(
              () ->
                  store
                      .store
                      .appendAsync(StreamId.of("order", "1"), any(), events(1))
                      .get(30, TimeUnit.SECONDS))
          .satisfies(
              e ->
                  assertThat(e instanceof ExecutionException ? e.getCause() : e)
                      .isInstanceOf(IllegalStateException.class)
                      .hasMessageContaining("closed"));
      assertThat(AppendHistory.stored(database)).hasSize(1);
    }
  }
}
