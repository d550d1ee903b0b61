package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Tables that were changed without the store, and the errors that report it. */
@ExtendWith(PostgresExtension.class)
class LogBordersTest {

  private static final EventQuery HAPPENED = EventQuery.all().types("happened");

  private TestStore store;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    for (int i = 0; i < 4; i++) {
      store.append("order-1");
      store.append("order-2");
    }
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void a_log_that_lacks_a_version_is_not_read_past_it() throws SQLException {
    store.execute("delete from eventstore.events where stream_id = 'order-2' and version = 3");
    List<Long> handled = Collections.synchronizedList(new ArrayList<>());

    assertThatThrownBy(() -> store.store.readPage(Position.START, 100))
        .isInstanceOf(InvariantBrokenException.class)
        .hasMessageContaining("version 4 of stream order-2 at position 8 behind version 2");
    Subscription subscription =
        Subscriptions.of(store.store)
            .create("view")
            .handler(
                batch -> batch.events().forEach(event -> handled.add(event.position().value())))
            .start();
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> subscription.status().state() == State.FAILED);

    SubscriptionStatus status = subscription.status();
    assertThat(status.isHealthy()).isFalse();
    assertThat(status.error()).containsInstanceOf(InvariantBrokenException.class);
    assertThat(status.position()).isEqualTo(Position.START);
    assertThat(handled).isEmpty();
    // Of the types that a query wants, there need not be all.
    assertThat(store.store.readPage(HAPPENED, Position.START, 100).events()).hasSize(7);
  }

  @Test
  void versions_that_do_not_rise_are_detected_for_every_query() throws SQLException {
    store.execute(
        "update eventstore.events set version = 9 where stream_id = 'order-2' and version = 2");

    assertThatThrownBy(() -> store.store.readPage(HAPPENED, Position.START, 100))
        .isInstanceOf(InvariantBrokenException.class)
        .hasMessageContaining("version 3 of stream order-2 at position 6 behind version 9");
  }

  @Test
  void a_truncated_stream_lacks_nothing() {
    Eraser.of(store.pool, "eventstore").truncateBefore(StreamId.parse("order-2"), 3);

    assertThatCode(() -> store.store.readPage(Position.START, 100)).doesNotThrowAnyException();
  }

  @Test
  void a_checkpoint_moves_forward_only() throws SQLException {
    CheckpointsTable table = new CheckpointsTable(new Schema("eventstore"));
    LeaseKey key = new LeaseKey("view", 0);
    Duration time = Duration.ofSeconds(30);
    try (Connection connection = store.database.open()) {
      TestStore.execute(
          connection,
          "insert into eventstore.leases (name, partition) values ('view', 0);"
              + " insert into eventstore.subscriptions (name, partition, position, owner, epoch)"
              + " values ('view', 0, 0, 'owner', 1)");
      Tenure tenure = new Tenure(key, "owner", 1);
      String incarnation = store.query("select eventstore.incarnation()");

      assertThat(table.advance(connection, tenure, 0, 5, incarnation, time)).isTrue();
      assertThat(table.advance(connection, tenure, 5, 5, incarnation, time)).isFalse();
      assertThat(table.advance(connection, tenure, 5, 4, incarnation, time)).isFalse();
      assertThat(table.advance(connection, tenure, 5, 6, incarnation, time)).isTrue();
    }
  }
}
