package dev.pgeventstore.examples.lastorders;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.lastorders.OrderEvent.Placed;
import dev.pgeventstore.examples.lastorders.OrderEvent.Shipped;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * What are the last 30 orders of a customer? Every order is its own stream, so no stream has the
 * answer. A subscription to the category keeps a table of the orders.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class Shop {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final List<String> CUSTOMERS = List.of("ann", "ben", "cem");

  private final DataSource database;
  private final EventStore store;
  private final Consumer<String> tell;
  private int orders;

  Shop(DataSource database, EventStore store, Consumer<String> tell) {
    this.database = database;
    this.store = store;
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
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 6);
        EventStore store = store(pool)) {
      new Shop(pool, store, System.out::println).run(200);
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(OrderEvent.class)))
        .build();
  }

  /**
   * Takes orders before the table is kept and while it is kept. Returns the final contents of the
   * table.
   */
  Map<String, List<LastOrders.Order>> run(int times)
      throws SQLException, InterruptedException, TimeoutException {
    LastOrders.createTable(database);
    takeOrders(times / 2);
    try (Subscription view = LastOrders.follow(store)) {
      view.awaitApplied(takeOrders(times - times / 2), PATIENCE);
    }
    Map<String, List<LastOrders.Order>> table = new TreeMap<>();
    for (String customer : CUSTOMERS) {
      List<LastOrders.Order> last = LastOrders.of(customer, database);
      table.put(customer, last);
      tell.accept(
          "%s: the last %d orders, from order %s back to order %s"
              .formatted(
                  customer, last.size(), last.get(0).key(), last.get(last.size() - 1).key()));
    }
    return table;
  }

  /** Ann orders most, Cem least. Two of three orders are shipped, some of them much later. */
  private AppendResult takeOrders(int times) {
    AppendResult last = null;
    for (int i = 0; i < times; i++) {
      int number = ++orders;
      String customer = number % 20 == 0 ? "cem" : number % 4 == 0 ? "ben" : "ann";
      last =
          store.append(
              order(number),
              ExpectedVersion.noStream(),
              List.of(new Placed(customer, number * 100L)));
      if (number % 3 == 0) {
        last = ship(number);
      }
      if (number > 60 && number % 3 == 1) {
        last = ship(number - 60);
      }
    }
    if (last == null) {
      throw new IllegalArgumentException("there are no orders");
    }
    return last;
  }

  private AppendResult ship(int number) {
    return store.append(order(number), ExpectedVersion.exactly(1), List.of(new Shipped()));
  }

  private static StreamId order(int number) {
    return StreamId.of("order", Integer.toString(number));
  }
}
