package dev.pgeventstore.examples.lastorders;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.lastorders.OrderEvent.Placed;
import dev.pgeventstore.examples.lastorders.OrderEvent.Shipped;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.sql.DataSource;

/**
 * A table with the latest orders of every customer, and no others.
 *
 * <p>Its one partition handles the orders of all streams in the order in which they were placed.
 * With several partitions, two orders of one customer could be handled at the same time.
 */
final class LastOrders {

  static final int KEPT = 30;

  private static final String CREATE =
      """
      create table if not exists public.last_orders (
        position bigint not null,
        cents bigint not null,
        shipped boolean not null default false,
        customer text not null,
        order_key text not null,
        constraint last_orders_pkey primary key (order_key)
      );
      create index if not exists last_orders_of_customer
          on public.last_orders (customer, position desc);
      """;

  private static final String PLACE =
      """
      insert into public.last_orders (position, cents, customer, order_key)
      values (?, ?, ?, ?)
      """;

  // Changes nothing if the order is no longer among the latest.
  private static final String SHIP =
      """
      update public.last_orders
         set shipped = true
       where order_key = ?
      """;

  private static final String FORGET_OLDER =
      """
      delete from public.last_orders as o
       using (select order_key,
                     row_number() over (partition by customer order by position desc) as place
                from public.last_orders
               where customer = any (?)) as ranked
       where o.order_key = ranked.order_key
         and ranked.place > ?
      """;

  private static final String OF_CUSTOMER =
      """
      select order_key, cents, shipped
        from public.last_orders
       where customer = ?
       order by position desc
      """;

  private LastOrders() {}

  static void createTable(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  /** Starts to follow the orders, from where the subscription last stopped. */
  static Subscription follow(EventStore store) {
    return Subscriptions.of(store)
        .create("last-orders")
        .category("order")
        .types(Placed.class, Shipped.class)
        .handler(LastOrders::apply)
        .start();
  }

  private static void apply(EventBatch batch) throws SQLException {
    Set<String> customers = new TreeSet<>();
    try (PreparedStatement place = batch.connection().prepareStatement(PLACE);
        PreparedStatement ship = batch.connection().prepareStatement(SHIP)) {
      for (RecordedEvent event : batch) {
        if (event.payload() instanceof Placed placed) {
          place.setLong(1, event.position().value());
          place.setLong(2, placed.cents());
          place.setString(3, placed.customer());
          place.setString(4, event.stream().key());
          place.addBatch();
          customers.add(placed.customer());
        } else {
          ship.setString(1, event.stream().key());
          ship.addBatch();
        }
      }
      // In this order, because an order is placed before it is shipped.
      place.executeBatch();
      ship.executeBatch();
    }
    try (PreparedStatement forget = batch.connection().prepareStatement(FORGET_OLDER)) {
      forget.setArray(1, batch.connection().createArrayOf("text", customers.toArray()));
      forget.setInt(2, KEPT);
      forget.executeUpdate();
    }
  }

  /** The latest orders of a customer, the latest first. */
  static List<Order> of(String customer, DataSource database) throws SQLException {
    List<Order> orders = new ArrayList<>();
    try (Connection connection = database.getConnection();
        PreparedStatement select = connection.prepareStatement(OF_CUSTOMER)) {
      select.setString(1, customer);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          orders.add(
              new Order(
                  rows.getString("order_key"), rows.getLong("cents"), rows.getBoolean("shipped")));
        }
      }
    }
    return orders;
  }

  /** A row of the table. */
  record Order(String key, long cents, boolean shipped) {}
}
