package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Stopped;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Failures of a handler's own statements, and of the database under it. */
@ExtendWith(PostgresExtension.class)
class HandlerFaultsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private TestStore store;
  private final AtomicInteger failures = new AtomicInteger();
  private volatile boolean healed;

  @BeforeEach
  void open(Database database) throws SQLException {
    store = new TestStore(database);
    store.execute("create table public.handled (stream text)");
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** Failures that look like those of the database, but are caused by the handler. */
  enum Own {
    STATEMENT_TIMEOUT(
        connection -> {
          TestStore.execute(connection, "set local statement_timeout = '20ms'");
          TestStore.execute(connection, "select pg_sleep(30)");
        }),
    LOCK_TIMEOUT(connection -> raise(connection, "55P03")),
    READ_ONLY(
        connection -> {
          TestStore.execute(connection, "set transaction read only");
          TestStore.execute(connection, "create table public.never (x int)");
        }),
    LIMIT(connection -> raise(connection, "53400")),
    RAISED_LOST_CONNECTION(connection -> raise(connection, "08006")),
    RAISED_SHUTDOWN(connection -> raise(connection, "57P01")),
    OTHER_DATABASE(
        connection -> {
          throw new SQLException("another database cannot be reached", "08001");
        }),
    OTHER_POOL(
        connection -> {
          throw new SQLTransientConnectionException("another pool has no connection");
        });

    private final HandlerTransactionTest.Step step;

    Own(HandlerTransactionTest.Step step) {
      this.step = step;
    }
  }

  private static void raise(Connection connection, String state) throws SQLException {
    TestStore.execute(
        connection, "do $$ begin raise exception 'no' using errcode = '" + state + "'; end $$");
  }

  private Subscription start(HandlerTransactionTest.Step failing) {
    return start(
        FailurePolicy.retry(2).backOff(Duration.ofMillis(1), Duration.ofMillis(1)).thenPark(),
        failing);
  }

  private Subscription start(FailurePolicy policy, HandlerTransactionTest.Step failing) {
    EventHandler handler =
        batch -> {
          if (!healed && batch.events().stream().anyMatch(e -> e.stream().key().equals("sick"))) {
            failures.incrementAndGet();
            failing.on(batch.connection());
          }
          for (var event : batch.events()) {
            TestStore.execute(
                batch.connection(), "insert into public.handled values ('" + event.stream() + "')");
          }
        };
    return Subscriptions.of(store.store).create("view").onFailure(policy).handler(handler).start();
  }

  private String handled() throws SQLException {
    return store.query("select string_agg(stream, ' ' order by stream) from public.handled");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void an_event_is_given_up_only_when_three_processes_have_ended_with_it(int ended)
      throws Exception {
    Subscription first = start(FailurePolicy.stop(), connection -> {});
    first.awaitApplied(store.append("a-healthy"), PATIENCE);
    first.close();
    long position = store.append("a-innocent").position().value();
    store.execute(
        "update eventstore.subscriptions set attempts = %s, attempt_position = %s"
            .formatted(ended, position));

    try (Subscription second = start(FailurePolicy.stop(), connection -> {})) {
      if (ended < 3) {
        await().atMost(PATIENCE).until(() -> handled().equals("a-healthy a-innocent"));
        assertThat(second.status().state()).isEqualTo(State.RUNNING);
      } else {
        await().atMost(PATIENCE).until(() -> second.status().state() == State.FAILED);
        assertThat(second.status().error().orElseThrow())
            .hasMessageContaining(
                "no attempt of 3 at the event at position "
                    + position
                    + " came to an end: its process ended, or lost its lease");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_failure_of_a_handlers_own_statement_counts_as_an_attempt(Own own) throws Exception {
    countsAsAttempt(own.step);
  }

  @ParameterizedTest
  @ValueSource(
      classes = {AssertionError.class, StackOverflowError.class, NoClassDefFoundError.class})
  void an_error_that_the_handler_throws_counts_as_its_attempt(Class<? extends Error> kind)
      throws Exception {
    Error error = kind.getDeclaredConstructor().newInstance();
    countsAsAttempt(
        connection -> {
          throw error;
        });
  }

  @Test
  void a_failure_with_a_cycle_of_causes_counts_as_an_attempt() throws Exception {
    IllegalStateException one = new IllegalStateException("one");
    IllegalStateException two = new IllegalStateException("two", one);
    one.initCause(two);
    countsAsAttempt(
        connection -> {
          throw two;
        });
  }

  /** Neither logging nor storing the failure may end the subscription silently. */
  static final class Speechless extends IllegalStateException {

    private static final long serialVersionUID = 1L;

    @Override
    public String getMessage() {
      throw new NullPointerException("no message");
    }
  }

  @Test
  void a_failure_whose_message_fails_counts_as_an_attempt() throws Exception {
    countsAsAttempt(
        connection -> {
          throw new Speechless();
        });
  }

  @Test
  void a_failure_whose_message_fails_stops_the_subscription_and_is_reported() throws Exception {
    CompletableFuture<Throwable> told = new CompletableFuture<>();
    Subscription view =
        Subscriptions.of(store.store)
            .create("view")
            .onFailure(FailurePolicy.stop())
            .listener(
                new SubscriptionListener() {
                  @Override
                  public void stopped(Stopped stop) {
                    told.complete(stop.error());
                    throw new Speechless();
                  }
                })
            .handler(
                batch -> {
                  throw new Speechless();
                })
            .start();
    store.append("order-1");

    assertThat(told.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)).isInstanceOf(Speechless.class);
    await().atMost(PATIENCE).until(() -> view.status().state() == State.FAILED);
    assertThat(store.query("select error from eventstore.subscriptions"))
        .contains(Speechless.class.getName());
    assertThat(store.query("select count(*) from eventstore.subscription_members")).isEqualTo("0");
  }

  /**
   * Delays a thread that prints it until the listener was called, for ten rounds of leases at most.
   */
  static final class Held extends IllegalStateException {

    private static final long serialVersionUID = 1L;
    private static final Duration LEASE = Duration.ofSeconds(1);

    private final transient CompletableFuture<Throwable> told;
    private final transient BooleanSupplier stored;

    Held(CompletableFuture<Throwable> told, BooleanSupplier stored) {
      super("held up");
      this.told = told;
      this.stored = stored;
    }

    @Override
    public String getMessage() {
      if (stored.getAsBoolean()) {
        try {
          told.get(10 * LEASE.toMillis() / 3, TimeUnit.MILLISECONDS);
        } catch (Exception e) {
          // The listener was not called yet, so the printing thread will call it.
        }
      }
      return super.getMessage();
    }
  }

  /** As soon as the stop of a subscription is stored, its own node may notice it. */
  @Test
  void the_node_whose_handler_failed_reports_that_failure_even_if_another_notices_first()
      throws Exception {
    CompletableFuture<Throwable> told = new CompletableFuture<>();
    Held failure =
        new Held(
            told,
            () -> {
              try {
                return !store
                    .query("select count(error) from eventstore.subscriptions")
                    .equals("0");
              } catch (SQLException e) {
                throw new AssertionError(e);
              }
            });
    Subscription view =
        Subscriptions.of(store.store)
            .create("view")
            .leaseTime(Held.LEASE)
            .onFailure(FailurePolicy.stop())
            .listener(
                new SubscriptionListener() {
                  @Override
                  public void stopped(Stopped stop) {
                    told.complete(stop.error());
                  }
                })
            .handler(
                batch -> {
                  throw failure;
                })
            .start();
    store.append("order-1");

    assertThat(told.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)).isSameAs(failure);
    await().atMost(PATIENCE).until(() -> view.status().state() == State.FAILED);
    assertThat(view.status().error()).containsSame(failure);
  }

  @Test
  void a_failure_of_the_commit_counts_as_an_attempt() throws Exception {
    store.execute(
        "create table public.once (x int, constraint once_x unique (x) deferrable initially deferred)");
    countsAsAttempt(
        connection -> TestStore.execute(connection, "insert into public.once values (1), (1)"));
  }

  @Test
  void a_virtual_machine_out_of_memory_stops_the_subscription_and_parks_nothing() throws Exception {
    store.append("order-1");
    store.append("order-sick");
    try (Subscription view =
        start(
            connection -> {
              throw new OutOfMemoryError("on purpose");
            })) {
      await().atMost(PATIENCE).until(() -> view.status().state() == State.FAILED);

      assertThat(failures).hasValue(1);
      assertThat(view.parked().count()).isZero();
      assertThat(view.status().error().orElseThrow()).isInstanceOf(OutOfMemoryError.class);
    }
  }

  private void countsAsAttempt(HandlerTransactionTest.Step failing) throws Exception {
    store.append("order-1");
    AppendResult sick = store.append("order-sick");
    AppendResult last = store.append("order-2");
    try (Subscription view = start(failing)) {
      view.awaitApplied(last, PATIENCE);

      ParkedEvent parked = view.parked().list(10).get(0);
      assertThat(parked.position()).isEqualTo(sick.position());
      assertThat(parked.attempts()).isEqualTo(2);
      assertThat(view.status().state()).isEqualTo(State.RUNNING);
      // In a replay it counts too, and the other streams' replays go on.
      assertThat(view.parked().replay().failed()).hasSize(1);
      healed = true;
      assertThat(view.parked().replay().handled()).isEqualTo(1);
    }
    assertThat(handled()).isEqualTo("order-1 order-2 order-sick");
  }

  @Test
  void races_count_as_an_attempt_when_ten_are_lost_in_a_row() throws Exception {
    store.append("order-sick");
    AppendResult last = store.append("order-2");
    try (Subscription view = start(connection -> raise(connection, "40001"))) {
      view.awaitApplied(last, PATIENCE);

      assertThat(view.parked().list(10).get(0).attempts()).isEqualTo(2);
      // The batch, and two attempts alone.
      assertThat(failures).hasValue(30);
    }
  }

  @Test
  void a_disk_that_is_full_parks_nothing_however_long_that_lasts() throws Exception {
    AppendResult sick = store.append("order-sick");
    try (Subscription view = start(connection -> raise(connection, "53100"))) {
      await().atMost(PATIENCE).until(() -> failures.get() > 5);
      assertThat(view.parked().count()).isZero();
      assertThat(view.status().state()).isEqualTo(State.RETRYING);
      healed = true;
      view.awaitApplied(sick, PATIENCE);
    }
    assertThat(handled()).isEqualTo("order-sick");
  }
}
