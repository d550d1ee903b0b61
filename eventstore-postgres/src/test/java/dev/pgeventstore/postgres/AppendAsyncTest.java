package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Appends of threads that do not wait for the responses. */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class AppendAsyncTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private TestStore store;
  private AppendHistory history;

  private void open(Database database, Appending appending) {
    store = new TestStore(database, 10, appending::apply);
    history = new AppendHistory(appending.isGrouped());
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

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void each_append_may_expect_the_version_that_the_previous_one_will_produce(
      Appending appending, Database database) throws Exception {
    appending.assumeGrouped(); // One by one, each runs in a thread of its own.
    open(database, appending);
    List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      answers.add(history.appendAsync(store.store, Append.to(STREAM, exactly(i), events(1))));
    }
    assertThat(Crowd.results(answers)).extracting(AppendResult::version).isSorted().hasSize(1_000);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void after_a_conflict_in_a_chain_all_following_appends_conflict(
      Appending appending, Database database) throws Exception {
    appending.assumeGrouped(); // One by one, each runs in a thread of its own.
    open(database, appending);
    List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      long expected = i < 100 ? i : i + 1;
      answers.add(
          history.appendAsync(store.store, Append.to(STREAM, exactly(expected), events(1))));
    }
    Crowd.results(answers.subList(0, 100));
    for (CompletableFuture<AppendResult> answer : answers.subList(100, 200)) {
      assertThatThrownBy(() -> answer.get(30, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .satisfies(
              e ->
                  assertThat(AppendHistory.unwrapped(e.getCause()))
                      .isInstanceOfSatisfying(
                          ConflictException.class,
                          conflict ->
                              assertThat(conflict.streams().get(0).actual()).isEqualTo(100)));
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void threads_that_share_streams_keep_their_own_order(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    Crowd.doAtOnce(
        6,
        thread -> {
          List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
          for (int i = 0; i < 60; i++) {
            StreamId stream = StreamId.of("shared", "" + i % 3);
            answers.add(
                history.appendAsync(
                    store.store,
                    i % 7 == 0
                        ? Append.to(stream, any(), events(1))
                            .and(StreamId.of("shared", "" + (i + 1) % 3), any(), events(1))
                        : Append.to(stream, any(), events(1 + i % 2))));
          }
          return Crowd.results(answers);
        });
    assertThat(history.count(Told.WRITTEN)).isEqualTo(360);
    // One by one they are in no order, but whole.
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void an_action_that_depends_on_a_result_may_append(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    List<CompletableFuture<AppendResult>> chains = new ArrayList<>();
    for (int c = 0; c < 20; c++) {
      StreamId stream = StreamId.of("chain", "" + c);
      CompletableFuture<AppendResult> chain =
          history.appendAsync(store.store, Append.to(stream, exactly(0), events(1)));
      for (int i = 1; i <= 10; i++) {
        chain =
            chain.thenCompose(
                result ->
                    history.appendAsync(
                        store.store, Append.to(stream, exactly(result.version()), events(1))));
      }
      chains.add(chain);
    }
    assertThat(Crowd.results(chains)).extracting(AppendResult::version).containsOnly(11L);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void a_dependent_action_that_throws_disturbs_no_other_append(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      CompletableFuture<AppendResult> answer =
          history.appendAsync(store.store, Append.to(STREAM, any(), events(1)));
      answer.thenAccept(
          result -> {
            throw new AssertionError("a dependent of the caller's");
          });
      answers.add(answer);
    }
    assertThat(Crowd.results(answers)).hasSize(100);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void cancelling_does_not_undo_an_append_and_disturbs_no_other_one(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    List<CompletableFuture<AppendResult>> others = new ArrayList<>();
    try (Connection stranger = store.begin()) {
      store.append("order-1");
      TestStore.execute(
          stranger, "select * from eventstore.streams where stream_id = 'order-1' for update");
      CompletableFuture<AppendResult> cancelled =
          store.store.appendAsync(Append.to(STREAM, any(), events(1)));
      for (int i = 0; i < 3; i++) {
        others.add(store.store.appendAsync(Append.to(STREAM, any(), events(1))));
      }
      cancelled.cancel(true);
      assertThat(cancelled).isCancelled();
      stranger.rollback();
    }
    Crowd.results(others);
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(() -> assertThat(store.store.read(STREAM)).hasSize(5));
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void an_interrupted_thread_gets_no_result_and_nothing_else_is_lost(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < 20; round++) {
      Append append = Append.to(STREAM, any(), events(1));
      Thread interrupted =
          new Thread(
              () -> {
                Thread.currentThread().interrupt();
                try {
                  history.append(store.store, append);
                } catch (RuntimeException e) {
                  // The history checks whether this exception is allowed.
                }
              });
      interrupted.start();
      interrupted.join(30_000);
      assertThat(interrupted.isAlive()).isFalse();
      history.append(store.store, append);
      history.append(store.store, Append.to(STREAM, any(), events(1)));
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void the_same_append_sent_again_before_its_response_is_written_once(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < 12; round++) {
      Append append =
          round % 3 == 0
              ? Append.to(STREAM, any(), List.of(TestStore.raw("e"), TestStore.raw("e")))
              : round % 3 == 1
                  ? Append.to(STREAM, any(), events(2))
                  : Append.to(StreamId.of("new", "" + round), exactly(0), events(1))
                      .and(STREAM, any(), events(1));
      List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        answers.add(history.appendAsync(store.store, append));
      }
      assertThat(Crowd.results(answers)).filteredOn(result -> !result.replayed()).hasSize(1);
    }
    history.check(database, "in the end");
  }

  @Test
  void a_thread_that_is_interrupted_while_sending_for_others_still_sends(Database database)
      throws Exception {
    try (TestStore store = new TestStore(database, 2, builder -> builder);
        Crowd crowd = new Crowd()) {
      store.append("order-1");
      BlockingQueue<Thread> sender = new LinkedBlockingQueue<>();
      Future<Boolean> sent;
      CompletableFuture<AppendResult> other;
      try (Connection one = store.pool.getConnection();
          Connection two = store.pool.getConnection()) {
        sent =
            crowd
                .start(
                    1,
                    thread -> {
                      sender.add(Thread.currentThread());
                      assertThat(store.append("order-1").version()).isEqualTo(2);
                      return Thread.interrupted();
                    })
                .get(0);
        Thread waiting = sender.take();
        await()
            .atMost(Duration.ofSeconds(30))
            .until(() -> store.pool.getHikariPoolMXBean().getThreadsAwaitingConnection() > 0);
        other =
            store.store.appendAsync(
                StreamId.of("order", "2"), ExpectedVersion.noStream(), List.of(TestStore.raw("x")));
        waiting.interrupt();
      }
      assertThat(other.get(30, TimeUnit.SECONDS).version()).isEqualTo(1);
      assertThat(sent.get(30, TimeUnit.SECONDS)).as("the interrupt is kept").isTrue();
    }
  }
}
