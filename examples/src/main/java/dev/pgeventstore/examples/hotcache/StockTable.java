package dev.pgeventstore.examples.hotcache;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/** The view: the stock of each item. One process keeps it for all. */
final class StockTable {

  static final String SUBSCRIPTION = "stock";
  static final String CATEGORY = "item";

  private static final String CREATE =
      """
      create table if not exists public.stock (
        quantity bigint not null,
        item text not null,
        constraint stock_pkey primary key (item)
      )
      """;

  private static final String CHANGE =
      """
      insert into public.stock as s (quantity, item)
      values (?, ?)
      on conflict on constraint stock_pkey do update set quantity = s.quantity + excluded.quantity
      """;

  private static final String ALL =
      """
      select item, quantity
        from public.stock
      """;

  private StockTable() {}

  static void create(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  /**
   * The subscription has one partition, so that one position says which events the view includes.
   */
  static Subscription follow(EventStore store) {
    return Subscriptions.of(store)
        .create(SUBSCRIPTION)
        .category(CATEGORY)
        .handler(StockTable::change)
        .start();
  }

  private static void change(EventBatch batch) throws SQLException {
    try (PreparedStatement statement = batch.connection().prepareStatement(CHANGE)) {
      for (RecordedEvent event : batch) {
        statement.setLong(1, ((StockEvent) event.payload()).change());
        statement.setString(2, event.stream().key());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  /** The stock of each item, as a transaction sees it. */
  static Map<String, Long> read(Connection connection) throws SQLException {
    Map<String, Long> stock = new TreeMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        stock.put(rows.getString("item"), rows.getLong("quantity"));
      }
    }
    return stock;
  }
}
