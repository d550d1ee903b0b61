package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.codec.jackson.JacksonSnapshots;
import dev.pgeventstore.projection.InlineProjection;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.contracts.MessageContract;
import dev.pgeventstore.testkit.contracts.ProjectionContract;
import dev.pgeventstore.testkit.contracts.SubscriptionContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What wraps a store loses nothing of it. */
@ExtendWith(PostgresExtension.class)
@Order(1)
class WrappedStoreTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore plain;

  @BeforeEach
  void open(Database database) {
    plain = new TestStore(database);
  }

  @AfterEach
  void close() {
    plain.close();
  }

  private TracingStore wrapped(EventCodec codec) {
    return new TracingStore(PostgresEventStore.builder(plain.pool).codec(codec).build());
  }

  @Nested
  class AsOneWithAnOutbox extends MessageContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return wrapped(codec);
    }

    @Override
    protected List<RecordedMessage> messages(EventStore store, String relay) {
      EventFeed feed = store.unwrap(EventFeed.class).orElseThrow();
      return feed.messages(relay, 0, 1, Position.START, feed.highWaterMark(), 10_000);
    }
  }

  @Nested
  class AsOneWithSubscriptions extends SubscriptionContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return wrapped(codec);
    }

    @Override
    protected Optional<DataSource> dataSource() {
      return Optional.of(plain.pool);
    }
  }

  @Nested
  class AsOneWithProjections extends ProjectionContract {
    @Override
    protected EventStore newStore(EventCodec codec) {
      return wrapped(codec);
    }
  }

  private static AppendResult append(EventStore store, String stream) {
    return store.append(
        StreamId.parse(stream), ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  private record Count(int events) {}

  @Test
  void subscriptions_followers_projections_snapshots_and_messages_work_with_it() throws Exception {
    List<String> seen = new CopyOnWriteArrayList<>();
    try (TracingStore store = wrapped(JacksonCodec.of(EventTypes.none()));
        Subscription view =
            Subscriptions.of(store)
                .create("view")
                .handler(EventHandler.each((event, batch) -> seen.add("view")))
                .start();
        Follower follower =
            Subscriptions.of(store)
                .follow(EventQuery.all())
                .handler(events -> events.forEach(event -> seen.add("follower")))
                .start();
        Projection projection =
            Projections.of(store)
                .create("counts", 1)
                .definition((table, batch) -> batch.events().forEach(event -> seen.add(table)))
                .start();
        Connection connection = plain.pool.getConnection()) {
      connection.setAutoCommit(false);
      InlineProjection.of(
              store,
              "inline",
              EventQuery.all(),
              (table, batch) -> batch.events().forEach(event -> seen.add(table)))
          .within(connection)
          .append(
              StreamId.parse("order-1"),
              ExpectedVersion.noStream(),
              List.of(TestStore.raw("happened")));
      Outbox.of(store.within(connection)).publish(List.of(OutboxMessage.to("relay", "topic")));
      connection.commit();
      Outbox.of(store).publish(List.of(OutboxMessage.to("relay", "topic")));
      AppendResult append = append(store, "order-1");
      view.awaitApplied(append, PATIENCE);
      follower.awaitApplied(append, PATIENCE);
      projection.awaitApplied(append, PATIENCE);

      assertThat(seen)
          .containsExactlyInAnyOrder(
              "inline", "view", "view", "follower", "follower", "counts_v1", "counts_v1");
      Evolution<Count, Object> counting =
          Evolution.of(new Count(0), (count, event) -> new Count(count.events() + 1));
      assertThat(
              Aggregates.of(store, "order", counting)
                  .snapshotEvery(1, JacksonSnapshots.of(Count.class, "count", 1)))
          .isNotNull();
      assertThat(store.calls()).contains("append", "read");
      assertThat(store.unwrap(PostgresEventStore.class)).isPresent();
    }
  }

  @Test
  void a_capability_that_a_store_lacks_is_refused_by_name() {
    EventStore store =
        (EventStore)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {EventStore.class},
                (proxy, method, arguments) -> Optional.empty());
    assertThatThrownBy(() -> Subscriptions.of(store))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not run subscriptions");
    assertThatThrownBy(() -> Projections.of(store))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not keep projections");
  }
}
