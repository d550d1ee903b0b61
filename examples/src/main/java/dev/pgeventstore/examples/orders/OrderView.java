package dev.pgeventstore.examples.orders;

import dev.pgeventstore.examples.orders.OrderEvent.Placed;
import dev.pgeventstore.examples.orders.OrderEvent.Shipped;
import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.EventHandler;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;

/** A table with a row for each order and its status. */
final class OrderView implements ProjectionDefinition {

  private static final String CREATE =
      """
      create table public.%1$s (
        id text not null,
        customer text not null,
        cents bigint not null,
        status text not null,
        constraint %1$s_pkey primary key (id)
      )
      """;

  private static final String PLACE =
      """
      insert into public.%s (id, customer, cents, status)
      values (?, ?, ?, 'placed')
      """;

  private static final String SHIP =
      """
      update public.%s
         set status = 'shipped by ' || ?
       where id = ?
      """;

  private static final String BY_STATUS =
      """
      select status, count(*)
        from public.%s
       group by status
      """;

  @Override
  public void create(String table, Connection connection) throws SQLException {
    execute(connection, CREATE.formatted(table));
  }

  @Override
  public void handle(String table, EventBatch batch) throws Exception {
    EventHandler.on(
            Placed.class,
            (placed, context) ->
                place(table, context.event().stream().key(), placed, batch.connection()))
        .on(
            Shipped.class,
            (shipped, context) ->
                ship(table, context.event().stream().key(), shipped, batch.connection()))
        .handle(batch);
  }

  private static void place(String table, String id, Placed placed, Connection connection)
      throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(PLACE.formatted(table))) {
      insert.setString(1, id);
      insert.setString(2, placed.customer());
      insert.setLong(3, placed.cents());
      insert.executeUpdate();
    }
  }

  private static void ship(String table, String id, Shipped shipped, Connection connection)
      throws SQLException {
    try (PreparedStatement update = connection.prepareStatement(SHIP.formatted(table))) {
      update.setString(1, shipped.carrier());
      update.setString(2, id);
      update.executeUpdate();
    }
  }

  @Override
  public void promote(String table, Connection connection) throws SQLException {
    execute(connection, "create or replace view public.orders as select * from public." + table);
  }

  @Override
  public void drop(String table, Connection connection) throws SQLException {
    execute(connection, "drop table public." + table);
  }

  /** The number of orders of each status. */
  static Map<String, Long> byStatus(String table, Connection connection) throws SQLException {
    Map<String, Long> orders = new TreeMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(BY_STATUS.formatted(table))) {
      while (rows.next()) {
        orders.put(rows.getString(1), rows.getLong(2));
      }
    }
    return orders;
  }

  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
