package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Appends whose response is lost: what the caller gets, and what a retry does. */
@ExtendWith(PostgresExtension.class)
class LostAnswerTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private TestStore store;

  @BeforeEach
  void open(Database database) {
    // Each append waits in the database, where the tests see it waiting.
    store = new TestStore(database, 20, builder -> builder.groupAppends(false));
    store.append(STREAM.toString());
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void a_connection_lost_before_the_response_leaves_the_outcome_unknown_and_a_retry_is_safe()
      throws Exception {
    Append append = Append.to(STREAM, ExpectedVersion.any(), List.of(TestStore.event("paid")));
    assertThatThrownBy(() -> whileTheStreamIsLocked(append, "pg_terminate_backend"))
        .isInstanceOf(OutcomeUnknownException.class)
        .hasMessageContaining("Send the same append again");

    AppendResult first = store.store.append(append);
    AppendResult again = store.store.append(append);

    assertThat(first.version()).isEqualTo(2);
    assertThat(again.replayed()).isTrue();
    assertThat(again.version()).isEqualTo(2);
    assertThat(again.position()).isEqualTo(first.position());
    assertThat(store.store.read(STREAM)).hasSize(2);
  }

  @Test
  void a_statement_that_the_server_cancelled_has_written_nothing() throws Exception {
    Append append = Append.to(STREAM, ExpectedVersion.exactly(1), List.of(TestStore.event("paid")));
    assertThatThrownBy(() -> whileTheStreamIsLocked(append, "pg_cancel_backend"))
        .isExactlyInstanceOf(EventStoreException.class)
        .hasMessageContaining("nothing was written");

    assertThat(store.store.append(append).version()).isEqualTo(2);
  }

  @Test
  void nothing_was_sent_to_a_database_that_cannot_be_reached() {
    store.pool.close();

    assertThatThrownBy(() -> store.append("order-2"))
        .isExactlyInstanceOf(EventStoreException.class)
        .hasMessageContaining("nothing was written");
  }

  /** Appends in another thread; when that waits for a lock, something is done to its backend. */
  private void whileTheStreamIsLocked(Append append, String what) throws Throwable {
    try (Connection stranger = store.begin()) {
      TestStore.execute(
          stranger, "select * from eventstore.streams where stream_id = 'order-1' for update");
      CompletableFuture<AppendResult> waiting =
          CompletableFuture.supplyAsync(() -> store.store.append(append));
      await().atMost(Duration.ofSeconds(30)).until(() -> doToTheWaiting(what).equals("1"));
      try {
        waiting.orTimeout(30, TimeUnit.SECONDS).join();
      } catch (CompletionException e) {
        throw e.getCause();
      }
    }
  }

  private String doToTheWaiting(String what) throws SQLException {
    return store.query(
        "select count(%s(pid)) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            .formatted(what));
  }
}
