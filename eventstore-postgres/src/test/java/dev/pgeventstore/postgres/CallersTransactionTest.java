package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Appends that join a transaction of the caller's. */
@ExtendWith(PostgresExtension.class)
class CallersTransactionTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private TestStore store;

  @BeforeEach
  void open(Database database) throws SQLException {
    // Each append waits in the database, where the tests see it waiting.
    store = new TestStore(database, 20, builder -> builder.groupAppends(false));
    store.execute("create table public.orders (id text primary key)");
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void events_and_the_callers_rows_commit_together() throws SQLException {
    try (Connection connection = store.begin()) {
      TestStore.execute(connection, "insert into public.orders values ('1')");
      store.append("order-1", connection);
      assertThat(store.store.read(STREAM)).isEmpty();
      assertThat(store.store.within(connection).read(STREAM)).hasSize(1);
      connection.commit();
    }
    assertThat(store.store.read(STREAM)).hasSize(1);
    assertThat(store.query("select count(*) from public.orders")).isEqualTo("1");
  }

  @Test
  void events_and_the_callers_rows_are_rolled_back_together() throws SQLException {
    try (Connection connection = store.begin()) {
      TestStore.execute(connection, "insert into public.orders values ('1')");
      store.append("order-1", connection);
      connection.rollback();
    }
    assertThat(store.store.read(STREAM)).isEmpty();
    assertThat(store.query("select count(*) from public.orders")).isEqualTo("0");
  }

  @Test
  void a_conflict_leaves_the_transaction_usable_and_draws_no_position() throws SQLException {
    store.append("order-1");
    try (Connection connection = store.begin()) {
      EventStreams transaction = store.store.within(connection);
      TestStore.execute(connection, "insert into public.orders values ('1')");
      assertThatThrownBy(
              () ->
                  transaction.append(
                      Append.to(
                              StreamId.of("order", "2"),
                              ExpectedVersion.noStream(),
                              List.of(TestStore.raw("happened")))
                          .and(
                              STREAM,
                              ExpectedVersion.exactly(7),
                              List.of(TestStore.raw("happened")))))
          .isInstanceOfSatisfying(
              ConflictException.class,
              e -> {
                assertThat(e.of(STREAM).orElseThrow().actual()).isEqualTo(1);
                assertThat(e.conflicts()).hasSize(1);
              });
      transaction.append(STREAM, ExpectedVersion.exactly(1), List.of(TestStore.raw("happened")));
      connection.commit();
    }
    assertThat(store.settled()).containsExactly("order-1", "order-1");
    assertThat(store.query("select max(position) from eventstore.events")).isEqualTo("2");
    assertThat(store.query("select count(*) from eventstore.streams")).isEqualTo("1");
    assertThat(store.query("select count(*) from public.orders")).isEqualTo("1");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void a_checked_stream_cannot_change_until_the_append_has_committed(boolean exists)
      throws Exception {
    StreamId checked = StreamId.of("customer", "1");
    if (exists) {
      store.append(checked.toString());
    }
    ExpectedVersion expected = ExpectedVersion.exactly(exists ? 1 : 0);
    CompletableFuture<AppendResult> rival;
    try (Connection connection = store.begin()) {
      store
          .store
          .within(connection)
          .append(
              Append.to(STREAM, ExpectedVersion.noStream(), List.of(TestStore.raw("happened")))
                  .check(checked, expected));
      rival = CompletableFuture.supplyAsync(() -> store.append(checked.toString()));
      await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () ->
                  rival.isDone()
                      || store
                          .query(
                              "select count(*) from pg_stat_activity where wait_event_type ="
                                  + " 'Lock' and datname = current_database()")
                          .equals("1"));
      assertThat(rival).as("the rival's append, while the check must hold").isNotDone();
      connection.commit();
    }
    assertThat(rival.get(30, TimeUnit.SECONDS).version()).isEqualTo(exists ? 2 : 1);
    assertThat(store.settled()).endsWith("order-1", "customer-1");
  }

  @Test
  void a_connection_in_auto_commit_mode_is_refused() throws SQLException {
    try (Connection connection = store.database.open()) {
      assertThatThrownBy(() -> store.store.within(connection))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("auto-commit");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE})
  void under_stricter_isolation_a_stale_decision_is_a_serialization_error(int isolation)
      throws SQLException {
    store.append("order-1");
    try (Connection connection = store.begin()) {
      connection.setTransactionIsolation(isolation);
      EventStreams transaction = store.store.within(connection);
      assertThat(transaction.read(STREAM)).hasSize(1);
      store.append("order-1");

      assertThatThrownBy(
              () ->
                  transaction.append(
                      STREAM, ExpectedVersion.exactly(1), List.of(TestStore.raw("happened"))))
          .isInstanceOf(EventStoreException.class)
          .cause()
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("40001"));
      connection.rollback();
    }
    assertThat(store.settled()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE})
  void under_stricter_isolation_a_stale_new_stream_is_never_written_twice(int isolation)
      throws SQLException {
    try (Connection connection = store.begin()) {
      connection.setTransactionIsolation(isolation);
      EventStreams transaction = store.store.within(connection);
      assertThat(transaction.read(STREAM)).isEmpty();
      store.append("order-1");

      assertThatThrownBy(
              () ->
                  transaction.append(
                      STREAM, ExpectedVersion.noStream(), List.of(TestStore.raw("happened"))))
          .isInstanceOf(EventStoreException.class);
      connection.rollback();
    }
    assertThat(store.settled()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE})
  void under_stricter_isolation_an_expectation_is_still_checked(int isolation) throws SQLException {
    store.append("order-1");
    try (Connection connection = store.begin()) {
      connection.setTransactionIsolation(isolation);
      assertThatThrownBy(
              () ->
                  store
                      .store
                      .within(connection)
                      .append(
                          STREAM, ExpectedVersion.noStream(), List.of(TestStore.raw("happened"))))
          .isInstanceOf(ConflictException.class);
      store
          .store
          .within(connection)
          .append(STREAM, ExpectedVersion.exactly(1), List.of(TestStore.raw("happened")));
      connection.commit();
    }
    assertThat(store.settled()).hasSize(2);
  }
}
