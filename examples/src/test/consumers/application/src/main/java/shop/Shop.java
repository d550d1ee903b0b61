package shop;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/** A program that has nothing but the published artifacts. */
public final class Shop {

  public sealed interface OrderEvent {}

  @EventType(name = "order-placed")
  public record Placed(String customer, Instant at) implements OrderEvent {}

  private static final Evolution<String, OrderEvent> CUSTOMER =
      Evolution.of("nobody", (customer, event) -> ((Placed) event).customer());

  private Shop() {}

  public static void main(String[] arguments) throws Exception {
    PGSimpleDataSource dataSource = new PGSimpleDataSource();
    dataSource.setURL(arguments[0]);
    System.out.println(run(dataSource));
  }

  /** Appends an event, loads it, and takes it from a subscription. */
  static String run(DataSource dataSource) throws Exception {
    try (EventStore store =
        PostgresEventStore.builder(dataSource)
            .codec(JacksonCodec.of(EventTypes.of(OrderEvent.class)))
            .build()) {
      AppendResult placed =
          store.append(
              StreamId.of("order", "1"),
              ExpectedVersion.noStream(),
              List.of(new Placed("ann", Instant.EPOCH)));
      String loaded = Aggregates.of(store, "order", CUSTOMER).load("1").state();

      AtomicReference<Object> seen = new AtomicReference<>();
      try (Subscription subscription =
          Subscriptions.of(store)
              .create("orders")
              .category("order")
              .handler(EventHandler.on(Placed.class, (event, context) -> seen.set(event)))
              .start()) {
        subscription.awaitApplied(placed, Duration.ofSeconds(60));
      }
      return loaded + " " + seen.get();
    }
  }
}
