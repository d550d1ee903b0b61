package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.projection.InlineProjection;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.InMemoryEventStore;
import dev.pgeventstore.testkit.contracts.ProjectionContract;
import dev.pgeventstore.testkit.contracts.SubscriptionContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The store in memory, with handlers that write to a database which has no schema of a store. */
@EmptyDatabase
@ExtendWith(PostgresExtension.class)
class InMemoryWithDatabaseTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static DataSource database;

  @BeforeAll
  static void use(Database empty) {
    database = empty.dataSource();
  }

  private InMemoryEventStore store(EventCodec codec) {
    return InMemoryEventStore.builder(codec).dataSource(database).build();
  }

  @Nested
  class WithSubscriptions extends SubscriptionContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return store(codec);
    }

    @Override
    protected Optional<DataSource> dataSource() {
      return Optional.of(database);
    }
  }

  @Nested
  class WithProjections extends ProjectionContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return store(codec);
    }
  }

  private static AppendResult append(InMemoryEventStore store) {
    return store.append(
        StreamId.parse("order-1"), ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  private static void write(String table, EventBatch batch) throws SQLException {
    for (int i = 0; i < batch.events().size(); i++) {
      TestStore.execute(batch.connection(), "insert into seen values (1)");
    }
  }

  private static int seen() throws SQLException {
    try (Connection connection = database.getConnection()) {
      return Integer.parseInt(TestStore.query(connection, "select count(*) from seen"));
    }
  }

  @Test
  void a_handler_that_ends_its_transaction_is_refused() throws Exception {
    createTable();
    try (InMemoryEventStore store = store(JacksonCodec.of(EventTypes.none()));
        Subscription view =
            Subscriptions.of(store)
                .create("view")
                .handler(
                    batch -> {
                      write("seen", batch);
                      if (batch.attempt() < 2) {
                        batch.connection().commit();
                      }
                    })
                .start()) {
      view.awaitApplied(append(store), PATIENCE);
      assertThat(seen()).isEqualTo(1);
    }
  }

  @Test
  void an_append_in_a_transaction_is_visible_immediately_and_stays() throws Exception {
    createTable();
    try (InMemoryEventStore store = store(JacksonCodec.of(EventTypes.none()));
        Connection connection = database.getConnection()) {
      assertThatThrownBy(() -> store.within(connection))
          .isInstanceOf(IllegalArgumentException.class);
      connection.setAutoCommit(false);
      InlineProjection inline =
          InlineProjection.of(store, "seen", EventQuery.all(), InMemoryWithDatabaseTest::write);
      inline
          .within(connection)
          .append(
              StreamId.parse("order-1"),
              ExpectedVersion.noStream(),
              List.of(TestStore.raw("happened")));
      assertThat(store.read(StreamId.parse("order-1"))).hasSize(1);
      assertThat(seen()).isZero();
      connection.commit();
      assertThat(seen()).isEqualTo(1);

      inline
          .within(connection)
          .append(
              StreamId.parse("order-1"),
              ExpectedVersion.exactly(1),
              List.of(TestStore.raw("happened")));
      connection.rollback();
      assertThat(seen()).isEqualTo(1);
      assertThat(store.read(StreamId.parse("order-1"))).hasSize(2);
    }
  }

  private static void createTable() throws SQLException {
    try (Connection connection = database.getConnection()) {
      TestStore.execute(connection, "drop table if exists seen");
      TestStore.execute(connection, "create table seen (number int)");
    }
  }
}
