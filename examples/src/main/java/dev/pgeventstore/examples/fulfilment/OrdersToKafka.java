package dev.pgeventstore.examples.fulfilment;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.fulfilment.OrderEvent.Cancelled;
import dev.pgeventstore.examples.fulfilment.OrderEvent.Paid;
import dev.pgeventstore.examples.fulfilment.OrderEvent.Placed;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/**
 * A shop takes orders. The warehouse, another service with another database, needs every order. The
 * shop writes to its own database only, and a relay publishes the committed events, so no order is
 * in only one of the two databases.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends.
 */
public final class OrdersToKafka {

  static final int ORDERS = 30;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final EventStore shop;
  private final DataSource warehouseDatabase;
  private final Topic topic;
  private final Consumer<String> tell;

  OrdersToKafka(EventStore shop, DataSource warehouseDatabase, Topic topic, Consumer<String> tell) {
    this.shop = shop;
    this.warehouseDatabase = warehouseDatabase;
    this.topic = topic;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start();
        KafkaBroker broker = KafkaBroker.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 6);
        EventStore shop = store(pool)) {
      Topic topic = new Topic(broker.bootstrap(), "orders").create(3);
      DataSource warehouse = server.createDatabase().dataSource();
      new OrdersToKafka(shop, warehouse, topic, System.out::println).run();
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(OrderEvent.class)))
        .build();
  }

  Map<String, String> run() throws Exception {
    Parcels.createTable(warehouseDatabase);
    Warehouse warehouse = new Warehouse(warehouseDatabase, topic);

    AppendResult placed = placeOrders();
    tell.accept(ORDERS + " orders are placed. No relay publishes them yet, and none is lost.");
    try (KafkaRelay relay = relay()) {
      relay.awaitPublished(placed, PATIENCE);
    }
    tell.accept("A relay has run, and has ended. The orders are in Kafka.");
    say("The warehouse has handled %d events", warehouse.work());

    try (KafkaRelay relay = relay()) {
      AppendResult decided = payOrCancel();
      tell.accept("The warehouse is closed. Most orders are paid, some are cancelled.");
      relay.awaitPublished(decided, PATIENCE);
    }
    say("The warehouse goes on where it was, and has handled %d events", warehouse.work());
    return Parcels.states(warehouseDatabase);
  }

  private KafkaRelay relay() {
    return KafkaRelay.builder(shop, topic.client())
        .name("orders")
        .topic(topic.name())
        .query(EventQuery.all().categories("order"))
        .start();
  }

  private AppendResult placeOrders() {
    AppendResult last = null;
    for (int i = 1; i <= ORDERS; i++) {
      List<OrderEvent> events = List.of(new Placed("chair", i + " Main Street"));
      last = shop.append(order(i), ExpectedVersion.noStream(), events);
    }
    return last;
  }

  /** Every fifth order is cancelled. */
  private AppendResult payOrCancel() {
    AppendResult last = null;
    for (int i = 1; i <= ORDERS; i++) {
      OrderEvent event = i % 5 == 0 ? new Cancelled("too late") : new Paid(49_00);
      last = shop.append(order(i), ExpectedVersion.exactly(1), List.of(event));
    }
    return last;
  }

  private static StreamId order(int number) {
    return StreamId.of("order", Integer.toString(number));
  }

  private void say(String what, int handled) throws Exception {
    Map<String, Long> parcels =
        Parcels.states(warehouseDatabase).values().stream()
            .collect(Collectors.groupingBy(state -> state, TreeMap::new, Collectors.counting()));
    tell.accept((what + ". Its parcels: %s").formatted(handled, parcels));
  }
}
