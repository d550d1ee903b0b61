package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.PGConnection;

/** What a handler may do with its connection, and what happens if it does more. */
@ExtendWith(PostgresExtension.class)
class HandlerTransactionTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String SICK = "sick";

  private TestStore store;

  private volatile boolean healed;

  @BeforeEach
  void open(Database database) throws SQLException {
    store = new TestStore(database);
    store.execute("create table public.handled (position bigint, stream text)");
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Subscriptions.Builder view(EventHandler handler) {
    return Subscriptions.of(store.store)
        .create("view")
        .batchSize(1)
        .onFailure(
            FailurePolicy.retry(2).backOff(Duration.ofMillis(1), Duration.ofMillis(1)).thenPark())
        .handler(handler);
  }

  private static void write(List<RecordedEvent> events, Connection connection) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("insert into public.handled values (?, ?)")) {
      for (RecordedEvent event : events) {
        insert.setLong(1, event.position().value());
        insert.setString(2, event.stream().toString());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  private String handled() throws SQLException {
    return store.query(
        "select coalesce(string_agg(stream, ' ' order by position), '') from public.handled");
  }

  /** The ways in which a handler could end the transaction, which it must not do. */
  enum Breach {
    COMMIT(Connection::commit),
    ROLLBACK(Connection::rollback),
    CLOSE(Connection::close),
    AUTO_COMMIT(connection -> connection.setAutoCommit(true)),
    ABORT(connection -> connection.abort(Runnable::run)),
    COMMIT_BEHIND(connection -> behind(connection).commit()),
    ROLLBACK_BEHIND(connection -> behind(connection).rollback()),
    CLOSE_BEHIND(connection -> behind(connection).close()),
    AUTO_COMMIT_BEHIND(connection -> behind(connection).setAutoCommit(true)),
    ROLLBACK_OF_A_STATEMENTS_CONNECTION(
        connection -> {
          try (Statement statement = connection.createStatement()) {
            statement.getConnection().rollback();
          }
        }),
    COMMIT_STATEMENT(connection -> TestStore.execute(connection, "commit")),
    ROLLBACK_STATEMENT(connection -> TestStore.execute(connection, "rollback")),
    COMMIT_AND_CHAIN(connection -> TestStore.execute(connection, "commit and chain")),
    ROLLBACK_AND_CHAIN(connection -> TestStore.execute(connection, "rollback and chain")),
    COMMIT_AND_GO_ON(
        connection ->
            TestStore.execute(connection, "commit; begin; create table public.half (one int)")),
    RESET_ALL(connection -> TestStore.execute(connection, "reset all")),
    SETTING_OF_THE_STORES(
        connection -> TestStore.execute(connection, "set local pgeventstore.lent_to = 'me'"));

    private final Step step;

    Breach(Step step) {
      this.step = step;
    }

    private static Connection behind(Connection connection) throws SQLException {
      return (Connection) connection.unwrap(PGConnection.class);
    }

    /** By a method that the connection refuses, so that nothing is ended. */
    private boolean isRefused() {
      return ordinal() <= ABORT.ordinal();
    }
  }

  interface Step {
    void on(Connection connection) throws SQLException;
  }

  private EventHandler breaching(Breach breach) {
    return batch -> {
      write(batch.events(), batch.connection());
      if (batch.events().get(0).stream().key().equals(SICK) && !healed) {
        breach.step.on(batch.connection());
      }
    };
  }

  @ParameterizedTest
  @EnumSource
  void a_handler_that_ends_its_transaction_has_failed_and_nothing_is_lost(Breach breach)
      throws Exception {
    store.append("order-1");
    AppendResult sick = store.append("order-" + SICK);
    AppendResult last = store.append("order-2");
    try (Subscription view = view(breaching(breach)).start()) {
      view.awaitApplied(last, PATIENCE);

      ParkedEvent parked = view.parked().list(10).get(0);
      assertThat(view.parked().count()).isEqualTo(1);
      assertThat(parked.position()).isEqualTo(sick.position());
      assertThat(parked.attempts()).isEqualTo(2);
      assertThat(parked.error().orElseThrow())
          .contains("the handler of subscription view")
          .contains(breach.isRefused() ? "must not call" : "has ended the transaction");
      assertThat(view.status().state()).isEqualTo(State.RUNNING);
      assertThat(store.query("select count(*) from public.handled where stream <> 'order-sick'"))
          .isEqualTo("2");

      // In a replay it is the same.
      assertThat(view.parked().replay().failed()).hasSize(1);
      assertThat(view.parked().count()).isEqualTo(1);

      store.execute("delete from public.handled where stream = 'order-sick'");
      healed = true;
      assertThat(view.parked().replay().handled()).isEqualTo(1);
      view.awaitApplied(store.append("order-3"), PATIENCE);
      assertThat(handled()).isEqualTo("order-1 order-sick order-2 order-3");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"ROLLBACK_BEHIND", "COMMIT_STATEMENT", "CLOSE_BEHIND"})
  void events_behind_a_parked_one_are_not_lost_when_the_handler_ends_the_transaction(Breach breach)
      throws Exception {
    AtomicInteger breaches = new AtomicInteger();
    EventHandler handler =
        batch -> {
          if (healed) {
            write(batch.events(), batch.connection());
            return;
          }
          if (batch.events().stream().anyMatch(event -> event.stream().key().equals(SICK))) {
            throw new IllegalStateException("sick");
          }
          // Its stream has a parked event, and it goes into one batch with what is set aside.
          if (batch.events().get(0).stream().key().equals("once")
              && breaches.incrementAndGet() == 1) {
            TestStore.execute(batch.connection(), "select 1");
            breach.step.on(batch.connection());
            return;
          }
          write(batch.events(), batch.connection());
        };
    try (Subscription view = view(handler).batchSize(10).start()) {
      awaitPassed(view, store.append("order-" + SICK));
      AppendResult last;
      try (Connection connection = store.begin()) {
        store.append("order-" + SICK, connection);
        store.append("order-once", connection);
        last = store.append("order-" + SICK, connection);
        connection.commit();
      }
      awaitPassed(view, last);

      assertThat(breaches).hasValue(2);
      assertThat(view.parked().count()).isEqualTo(3);
      healed = true;
      assertThat(view.parked().replay().handled()).isEqualTo(3);
    }
    assertThat(handled()).isEqualTo("order-sick order-sick order-once order-sick");
  }

  /** Handled or parked. */
  private static void awaitPassed(Subscription view, AppendResult append) {
    await().atMost(PATIENCE).until(() -> !append.position().isAfter(view.status().position()));
  }

  @Test
  void a_refusal_that_the_handler_catches_changes_nothing() throws Exception {
    try (Subscription view =
        view(batch -> {
              write(batch.events(), batch.connection());
              assertThatThrownBy(batch.connection()::commit).isInstanceOf(SQLException.class);
              assertThatThrownBy(batch.connection()::close).isInstanceOf(SQLException.class);
              // As frameworks do before a transaction that they take for their own.
              batch.connection().setAutoCommit(false);
              assertThat(batch.connection().getAutoCommit()).isFalse();
              assertThat(batch.connection().isClosed()).isFalse();
            })
            .start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      assertThat(view.parked().count()).isZero();
    }
    assertThat(handled()).isEqualTo("order-1");
  }

  @Test
  void a_connection_cannot_be_used_after_the_handler_has_returned() throws Exception {
    AtomicReference<Connection> kept = new AtomicReference<>();
    try (Subscription view =
        view(batch -> {
              write(batch.events(), batch.connection());
              kept.set(batch.connection());
            })
            .start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);

      assertThatThrownBy(() -> TestStore.execute(kept.get(), "delete from public.handled"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("after the handler of subscription view has returned");
    }
    assertThat(handled()).isEqualTo("order-1");
  }

  /** What else uses a connection that is in a transaction already. */
  enum Use {
    SAVEPOINT(
        connection -> {
          Savepoint before = connection.setSavepoint("before");
          insert(connection, "lost");
          connection.rollback(before);
          insert(connection, "kept");
          connection.releaseSavepoint(before);
        }),
    FAILED_STATEMENT_IN_A_SAVEPOINT(
        connection -> {
          Savepoint before = connection.setSavepoint();
          assertThatThrownBy(() -> TestStore.execute(connection, "select 1 / 0"))
              .isInstanceOf(SQLException.class);
          connection.rollback(before);
          insert(connection, "kept");
        }),
    COPY(
        connection -> {
          try {
            connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn("copy public.used from stdin", new StringReader("kept\n"));
          } catch (java.io.IOException e) {
            throw new SQLException(e);
          }
        }),
    JDBI(connection -> Jdbi.create(connection).useHandle(handle -> insert(handle, "kept"))),
    JDBI_TRANSACTION(
        connection -> Jdbi.create(connection).useTransaction(handle -> insert(handle, "kept"))),
    /** Which is not closed: that would close the connection. */
    JDBI_HANDLE(
        connection -> Jdbi.open(connection).useTransaction(handle -> insert(handle, "kept"))),
    /** As jOOQ's transactions do within one that has begun: a savepoint for each. */
    NESTED_TRANSACTIONS_BY_SAVEPOINTS(
        connection -> {
          connection.setAutoCommit(false);
          Savepoint outer = connection.setSavepoint();
          insert(connection, "kept");
          Savepoint inner = connection.setSavepoint();
          insert(connection, "lost");
          connection.rollback(inner);
          connection.releaseSavepoint(outer);
        }),
    ISOLATION_LEVEL_FIRST(
        connection -> {
          TestStore.execute(connection, "set transaction isolation level repeatable read");
          insert(connection, "kept");
        }),
    ISOLATION_LEVEL_BY_METHOD(
        connection -> {
          connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
          assertThat(TestStore.query(connection, "show transaction_isolation"))
              .isEqualTo("serializable");
          insert(connection, "kept");
        }),
    SETTINGS_OF_ITS_OWN(
        connection -> {
          TestStore.execute(connection, "set local statement_timeout = '10s'");
          TestStore.execute(connection, "select set_config('app.user', 'ann', true)");
          insert(connection, "kept");
        });

    private final Step step;

    Use(Step step) {
      this.step = step;
    }

    private static void insert(Connection connection, String what) throws SQLException {
      TestStore.execute(connection, "insert into public.used values ('" + what + "')");
    }

    private static void insert(Handle handle, String what) {
      handle.execute("insert into public.used values (?)", what);
    }
  }

  @ParameterizedTest
  @EnumSource
  void statements_in_the_handlers_transaction_work(Use use) throws Exception {
    store.execute("create table public.used (what text)");
    try (Subscription view =
        view(batch -> use.step.on(batch.connection())).onFailure(FailurePolicy.stop()).start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
    }
    assertThat(store.query("select string_agg(what, ' ') from public.used")).isEqualTo("kept");
  }

  @Test
  void appends_in_a_handlers_transaction_commit_with_the_checkpoint() throws Exception {
    EventHandler handler =
        batch -> {
          write(batch.events(), batch.connection());
          for (RecordedEvent event : batch.events()) {
            if (event.stream().category().equals("order")) {
              store.append("answer-" + event.stream().key(), batch.connection());
            }
          }
        };
    try (Subscription view = view(handler).start()) {
      view.awaitApplied(store.append("order-1"), PATIENCE);
      assertThat(store.settled()).containsExactly("order-1", "answer-1");
    }
  }
}
