package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Appends that wait for each other's stream rows, or roll their changes back. */
@ExtendWith(PostgresExtension.class)
class AppendRaceTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private TestStore store;

  @BeforeEach
  void open(Database database) {
    // Each append waits in the database, where the tests see it waiting.
    store = new TestStore(database, 20, builder -> builder.groupAppends(false));
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void an_expected_version_that_comes_true_while_the_append_waits_is_met() throws Exception {
    store.append("order-1");

    assertThat(appendWhileAnotherIsOpen(ExpectedVersion.exactly(2)).version()).isEqualTo(3);
    assertThat(store.settled()).containsExactly("order-1", "order-1", "order-1");
  }

  @Test
  void a_stream_that_comes_to_exist_while_the_append_waits_exists() throws Exception {
    store.store.append(
        Append.to(StreamId.of("order", "2"), ExpectedVersion.any(), List.of(TestStore.raw("x")))
            .check(STREAM, ExpectedVersion.noStream()));

    assertThat(appendWhileAnotherIsOpen(ExpectedVersion.streamExists()).version()).isEqualTo(2);
    assertThat(store.settled()).containsExactly("order-2", "order-1", "order-1");
  }

  /** Appends to a stream while another append to it is not committed yet, but soon will be. */
  private AppendResult appendWhileAnotherIsOpen(ExpectedVersion expected) throws Exception {
    CompletableFuture<AppendResult> waiting;
    try (Connection connection = store.begin()) {
      store.append(STREAM.toString(), connection);
      waiting =
          CompletableFuture.supplyAsync(
              () -> store.store.append(STREAM, expected, List.of(TestStore.raw("happened"))));
      await().atMost(Duration.ofSeconds(30)).until(() -> waiting.isDone() || isSomebodyWaiting());
      connection.commit();
    }
    return waiting.get(30, TimeUnit.SECONDS);
  }

  private boolean isSomebodyWaiting() throws SQLException {
    return store
        .query(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                + " and datname = current_database()")
        .equals("1");
  }

  @Test
  void a_refused_append_leaves_earlier_appends_of_the_transaction_in_place() throws Exception {
    try (Connection connection = store.begin()) {
      store.append("order-1", connection);
      assertThatThrownBy(
              () ->
                  store
                      .store
                      .within(connection)
                      .append(
                          Append.to(STREAM, ExpectedVersion.any(), List.of(TestStore.raw("x")))
                              .and(
                                  StreamId.of("order", "2"),
                                  ExpectedVersion.exactly(7),
                                  List.of(TestStore.raw("x")))))
          .isInstanceOf(ConflictException.class);
      assertThat(store.append("order-1", connection).version()).isEqualTo(2);
      connection.commit();
    }
    assertThat(store.append("order-1").version()).isEqualTo(3);
    assertThat(store.settled()).containsExactly("order-1", "order-1", "order-1");
  }

  @Test
  void an_append_rolled_back_to_a_savepoint_leaves_a_hole_and_no_other_change() throws Exception {
    store.append("order-0");
    assertThat(store.settled()).containsExactly("order-0");
    try (Connection connection = store.begin()) {
      Savepoint before = connection.setSavepoint();
      store.append("order-1", connection);
      store.append("order-2");
      assertThat(store.settled()).containsExactly("order-0");
      connection.rollback(before);
      assertThat(store.settled()).containsExactly("order-0", "order-2");

      assertThat(store.append("order-1", connection).version()).isEqualTo(1);
      store.append("order-3");
      assertThat(store.settled()).containsExactly("order-0", "order-2");
      connection.commit();
    }
    assertThat(store.settled()).containsExactly("order-0", "order-2", "order-1", "order-3");
  }
}
