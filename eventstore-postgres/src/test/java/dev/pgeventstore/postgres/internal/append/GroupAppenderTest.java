package dev.pgeventstore.postgres.internal.append;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Outcome;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How threads share batches, and what becomes of them when a batch gets no answer. */
@Timeout(60)
class GroupAppenderTest {

  private static final Duration LONGER_THAN_A_TEST = Duration.ofMinutes(10);
  private static final Duration SHORT = Duration.ofMillis(200);

  private final EventEncoder encoder =
      new EventEncoder(new EventEncoding(JacksonCodec.of(EventTypes.none()), 1 << 20));
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final FakeDatabase database = new FakeDatabase();

  @AfterEach
  void end() {
    database.silent.forEach(CountDownLatch::countDown);
    threads.shutdownNow();
  }

  private GroupAppender group(Duration limit) {
    return new GroupAppender(
        Scheduler.threads(),
        new BatchSender(database, () -> {}, Scheduler.threads(), null),
        limit,
        SHORT);
  }

  private static Append to(String stream) {
    return Append.to(
        StreamId.parse(stream),
        ExpectedVersion.any(),
        List.of(EncodedEvent.of("happened", 1, "{}")));
  }

  private AppendResult append(GroupAppender group, String stream) {
    Append append = to(stream);
    return group.append(append, encoder.encode(append), null);
  }

  private CompletableFuture<AppendResult> appendAsync(GroupAppender group, String stream) {
    Append append = to(stream);
    return group.appendAsync(append, encoder.encode(append), null);
  }

  private static Throwable failure(Future<AppendResult> answer) throws Exception {
    try {
      AppendResult result = answer.get(30, TimeUnit.SECONDS);
      throw new AssertionError("written: " + result);
    } catch (ExecutionException e) {
      return e.getCause();
    }
  }

  private static void assertUnknown(Throwable failure) {
    assertThat(failure).isInstanceOf(OutcomeUnknownException.class);
  }

  private static void assertNotWritten(Throwable failure) {
    assertThat(failure)
        .isExactlyInstanceOf(EventStoreException.class)
        .hasMessageContaining("nothing was written");
  }

  /** The interrupt and the answer come at the same moment, in either order. */
  @Test
  void an_interrupt_that_arrives_with_the_response_is_kept() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    for (int round = 0; round < 100; round++) {
      CountDownLatch first = database.fallSilent();
      Future<AppendResult> leader = threads.submit(() -> append(group, "order-1"));
      database.awaitRequests(1);
      List<Thread> followers = new ArrayList<>();
      BlockingQueue<Boolean> interrupts = new LinkedBlockingQueue<>();
      for (int i = 0; i < 2; i++) {
        int number = i;
        Thread follower =
            new Thread(
                () -> {
                  try {
                    append(group, "order-" + number);
                  } catch (OutcomeUnknownException e) {
                    // Interrupted before the answer came.
                  }
                  interrupts.add(Thread.interrupted());
                });
        followers.add(follower);
        follower.start();
        await()
            .pollInterval(Duration.ofMillis(1))
            .until(() -> follower.getState() == Thread.State.WAITING);
      }
      // One of them sends for both.
      database.atNext(() -> followers.forEach(Thread::interrupt));
      first.countDown();
      leader.get(30, TimeUnit.SECONDS);
      assertThat(interrupts.poll(30, TimeUnit.SECONDS)).as("round %d", round).isTrue();
      assertThat(interrupts.poll(30, TimeUnit.SECONDS)).as("round %d", round).isTrue();
    }
    group.close();
  }

  @Test
  void a_thread_that_has_sent_hands_over_to_one_that_sleeps() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    CountDownLatch first = database.fallSilent();
    Future<AppendResult> leader = threads.submit(() -> append(group, "order-1"));
    database.awaitRequests(1);
    Thread[] asleep = new Thread[1];
    Future<AppendResult> next =
        threads.submit(
            () -> {
              asleep[0] = Thread.currentThread();
              return append(group, "order-2");
            });
    await().until(() -> group.queued() == 1 && asleep[0].getState() == Thread.State.WAITING);

    first.countDown();

    assertThat(leader.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(next.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    group.close();
  }

  /** It is chosen after its interrupt and before it can say that it does not wait any more. */
  @Test
  void a_thread_that_is_interrupted_and_then_chosen_hands_over() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    CountDownLatch first = database.fallSilent();
    Future<AppendResult> leader = threads.submit(() -> append(group, "order-1"));
    database.awaitRequests(1);
    BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
    Thread interrupted =
        new Thread(
            () -> {
              try {
                append(group, "order-2");
              } catch (EventStoreException e) {
                failures.add(e);
              }
            });
    interrupted.start();
    await().until(() -> group.queued() == 1 && interrupted.getState() == Thread.State.WAITING);
    database.failSilent(
        new SQLException("refused", "23514") {
          private static final long serialVersionUID = 1L;

          /** Also asked for with the group's lock held, when outcomes are given out. */
          @Override
          public String getSQLState() {
            if (isIn(Thread.currentThread(), "settle")) {
              interrupted.interrupt();
              await()
                  .pollInSameThread()
                  .until(
                      () ->
                          isIn(interrupted, "interrupted")
                              && interrupted.getState() == Thread.State.WAITING);
            }
            return super.getSQLState();
          }
        });

    first.countDown();

    assertThat(failure(leader)).isInstanceOf(EventStoreException.class);
    assertNotWritten(failures.poll(30, TimeUnit.SECONDS));
    Future<AppendResult> next = threads.submit(() -> append(group, "order-3"));
    assertThat(next.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    group.close();
  }

  /** Whether a thread is in a method of the group. */
  private static boolean isIn(Thread thread, String method) {
    return Arrays.stream(thread.getStackTrace())
        .anyMatch(
            frame ->
                frame.getClassName().equals(GroupAppender.class.getName())
                    && frame.getMethodName().equals(method));
  }

  @Test
  void a_batch_without_a_response_fails_and_the_next_ones_continue() throws Exception {
    GroupAppender group = group(SHORT);
    database.fallSilent();
    Future<AppendResult> leader = threads.submit(() -> append(group, "order-1"));
    database.awaitRequests(1);
    Future<AppendResult> follower = threads.submit(() -> append(group, "order-2"));
    CompletableFuture<AppendResult> future = appendAsync(group, "order-3");

    assertThat(follower.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(future.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(append(group, "order-4").replayed()).isFalse();
    database.silent.forEach(CountDownLatch::countDown);
    assertUnknown(failure(leader));
    assertThat(database.aborted.await(30, TimeUnit.SECONDS)).isTrue();
    group.close();
  }

  @Test
  void a_dispatcher_without_a_response_is_replaced() throws Exception {
    GroupAppender group = group(SHORT);
    for (int i = 0; i < 3; i++) {
      database.fallSilent();
      CompletableFuture<AppendResult> silent = appendAsync(group, "order-1");
      database.awaitRequests(1);
      CompletableFuture<AppendResult> next = appendAsync(group, "order-2");
      assertUnknown(failure(silent));
      assertThat(next.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    }
    group.close();
  }

  @Test
  void appends_of_the_same_thread_behind_an_unknown_outcome_fail_and_no_others() throws Exception {
    GroupAppender group = group(Duration.ofSeconds(1));
    database.fallSilent();
    CompletableFuture<AppendResult> unknown = appendAsync(group, "order-1");
    database.awaitRequests(1);
    CompletableFuture<AppendResult> behind = appendAsync(group, "order-1");
    CompletableFuture<AppendResult> elsewhere = appendAsync(group, "order-2");
    Future<AppendResult> ofOther = threads.submit(() -> append(group, "order-1"));

    assertUnknown(failure(unknown));
    assertNotWritten(failure(behind));
    assertThat(elsewhere.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(ofOther.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(append(group, "order-1").replayed()).isFalse();
    group.close();
  }

  @Test
  void appends_of_the_same_thread_behind_an_error_fail() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    database.atNext(
        () -> {
          await().pollInSameThread().until(() -> group.queued() == 1);
          throw new StackOverflowError("while the answer was read");
        });
    CompletableFuture<AppendResult> broken = appendAsync(group, "order-1");
    database.awaitRequests(1);
    CompletableFuture<AppendResult> behind = appendAsync(group, "order-1");

    assertThat(failure(broken)).isInstanceOf(StackOverflowError.class);
    assertNotWritten(failure(behind));
    group.close();
  }

  @Test
  void an_exception_of_a_commit_listener_does_not_fail_a_written_append() throws Exception {
    BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
    failures.addAll(List.of(new IllegalStateException("deaf"), new StackOverflowError("deaf")));
    BatchSender sender =
        new BatchSender(
            database,
            () -> {
              Throwable failure = failures.remove();
              if (failure instanceof Error e) {
                throw e;
              }
              throw (RuntimeException) failure;
            },
            Scheduler.threads(),
            null);
    GroupAppender group = new GroupAppender(Scheduler.threads(), sender, LONGER_THAN_A_TEST, SHORT);

    assertThat(append(group, "order-1").replayed()).isFalse();
    assertThat(appendAsync(group, "order-2").get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(failures).isEmpty();
    group.close();
  }

  @Test
  void when_the_connection_breaks_among_single_appends_the_rest_is_sent_later() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    CountDownLatch first = database.fallSilent();
    CompletableFuture<AppendResult> before = appendAsync(group, "order-1");
    database.awaitRequests(1);
    CompletableFuture<AppendResult> broken = appendAsync(group, "order-2");
    CompletableFuture<AppendResult> behind = appendAsync(group, "order-2");
    CompletableFuture<AppendResult> rest = appendAsync(group, "order-3");
    database.failNext(new SQLException("one of them is wrong", "22P02"));
    database.failNext(new SQLException("gone", "08006"));
    first.countDown();

    assertThat(before.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertUnknown(failure(broken));
    assertNotWritten(failure(behind));
    assertThat(rest.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(database.requests).containsExactly(1, 3, 1, 1);
    group.close();
  }

  @Test
  void closing_waits_for_a_response_no_longer_than_its_limit() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    database.fallSilent();
    Future<AppendResult> leader = threads.submit(() -> append(group, "order-1"));
    database.awaitRequests(1);
    CompletableFuture<AppendResult> unsent = appendAsync(group, "order-2");
    Future<AppendResult> waiting = threads.submit(() -> append(group, "order-3"));
    await().until(() -> group.queued() == 2);

    Future<?> closing = threads.submit(group::close);
    closing.get(10, TimeUnit.SECONDS);

    assertThat(unsent).isDone();
    assertNotWritten(failure(unsent));
    assertNotWritten(failure(waiting));
    database.silent.forEach(CountDownLatch::countDown);
    assertUnknown(failure(leader));
    assertThatThrownBy(() -> append(group, "order-1")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void appends_without_a_connection_before_closing_are_not_sent_afterwards() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    database.withholdConnections();
    CompletableFuture<AppendResult> pending = appendAsync(group, "order-1");
    database.awaitRequests(1);

    group.close();

    assertNotWritten(failure(pending));
    database.silent.forEach(CountDownLatch::countDown);
    assertThat(database.refused.await(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void an_abandoned_append_leaves_its_room_to_the_next() throws Exception {
    GroupAppender group = group(LONGER_THAN_A_TEST);
    CountDownLatch first = database.fallSilent();
    Future<AppendResult> leader = threads.submit(() -> append(group, "order-1"));
    database.awaitRequests(1);
    Callable<AppendResult> large =
        () -> {
          Append append =
              Append.to(
                  StreamId.of("order", "2"),
                  ExpectedVersion.any(),
                  List.of(EncodedEvent.of("large", 1, "\"" + "x".repeat(900_000) + "\"")));
          return group.append(append, encoder.encode(append), null);
        };
    List<Future<AppendResult>> full = new ArrayList<>();
    for (int i = 0; i < 75; i++) {
      full.add(threads.submit(large));
    }
    await().until(() -> group.queued() == 75);
    Future<AppendResult> next = threads.submit(() -> append(group, "order-3"));

    full.forEach(waiting -> waiting.cancel(true));

    await().until(() -> group.queued() == 1);
    first.countDown();
    assertThat(leader.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    assertThat(next.get(30, TimeUnit.SECONDS).replayed()).isFalse();
    group.close();
  }

  /** Writes everything immediately, unless the test makes it silent or failing. */
  private static final class FakeDatabase implements BatchSender.Statement {
    final BlockingQueue<Integer> requests = new LinkedBlockingQueue<>();
    final List<CountDownLatch> silent = new ArrayList<>();
    final CountDownLatch aborted = new CountDownLatch(1);
    final CountDownLatch refused = new CountDownLatch(1);
    private final BlockingQueue<SQLException> failures = new LinkedBlockingQueue<>();
    private final BlockingQueue<CountDownLatch> nextSilence = new LinkedBlockingQueue<>();
    private final BlockingQueue<Integer> arrived = new LinkedBlockingQueue<>();
    private volatile Runnable next = () -> {};
    private volatile boolean withholding;
    private volatile @Nullable SQLException silentFailure;

    CountDownLatch fallSilent() {
      CountDownLatch until = new CountDownLatch(1);
      silent.add(until);
      nextSilence.add(until);
      arrived.clear();
      return until;
    }

    void withholdConnections() {
      withholding = true;
      fallSilent();
    }

    void failNext(SQLException with) {
      failures.add(with);
    }

    /** A waiting request fails with this in the end. */
    void failSilent(SQLException with) {
      silentFailure = with;
    }

    void atNext(Runnable what) {
      next = what;
    }

    void awaitRequests(int count) throws InterruptedException {
      for (int i = 0; i < count; i++) {
        assertThat(arrived.poll(30, TimeUnit.SECONDS)).isNotNull();
      }
    }

    @Override
    public List<Answer> send(List<AppendRequest> appends, Exchange exchange) throws SQLException {
      requests.add(appends.size());
      arrived.add(appends.size());
      try {
        if (withholding) {
          beSilent();
        }
        exchange.begin(connection());
        return answer(appends);
      } catch (Sender.NotSentException e) {
        refused.countDown();
        throw e;
      } finally {
        exchange.release();
        exchange.end();
      }
    }

    private List<Answer> answer(List<AppendRequest> appends) throws SQLException {
      CountDownLatch until = nextSilence.poll();
      if (until != null) {
        beSilent(until);
        SQLException failure = silentFailure;
        silentFailure = null;
        if (failure != null) {
          throw failure;
        }
      } else {
        SQLException failure = failures.poll();
        if (failure != null) {
          throw failure;
        }
        Runnable now = next;
        next = () -> {};
        now.run();
      }
      return appends.stream()
          .map(request -> new Answer(Outcome.WRITTEN, new long[] {1}, 1, 0))
          .toList();
    }

    private void beSilent() {
      CountDownLatch until = nextSilence.poll();
      if (until != null) {
        beSilent(until);
      }
    }

    private static void beSilent(CountDownLatch until) {
      boolean interrupted = false;
      while (true) {
        try {
          until.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    /** Closing this connection does not wake the thread that waits for its response. */
    private Connection connection() {
      return (Connection)
          Proxy.newProxyInstance(
              getClass().getClassLoader(),
              new Class<?>[] {Connection.class},
              (self, method, arguments) -> {
                if (method.getName().equals("abort")) {
                  aborted.countDown();
                }
                return method.getReturnType() == boolean.class ? false : null;
              });
    }
  }
}
