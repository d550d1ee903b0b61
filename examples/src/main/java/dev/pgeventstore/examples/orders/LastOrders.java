package dev.pgeventstore.examples.orders;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.orders.OrderEvent.Placed;
import dev.pgeventstore.projection.ProjectionDefinition;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The last 30 orders of each customer: a projection over the streams of all orders. */
final class LastOrders implements ProjectionDefinition {

  static final int KEPT = 30;

  private static final String CREATE =
      """
      create table public.%1$s (
        customer text not null,
        position bigint not null,
        id text not null,
        cents bigint not null,
        constraint %1$s_pkey primary key (customer, position)
      )
      """;

  private static final String ADD =
      """
      insert into public.%s (customer, position, id, cents)
      values (?, ?, ?, ?)
      """;

  private static final String FORGET =
      """
      delete from public.%1$s
       where customer = ?
         and position <= (select position
                            from public.%1$s
                           where customer = ?
                           order by position desc
                          offset ?
                           limit 1)
      """;

  private static final String OF_CUSTOMER =
      """
      select id
        from public.%s
       where customer = ?
       order by position desc
      """;

  @Override
  public void create(String table, Connection connection) throws SQLException {
    OrderView.execute(connection, CREATE.formatted(table));
  }

  @Override
  public void handle(String table, List<RecordedEvent> events, Connection connection)
      throws SQLException {
    Set<String> customers = new HashSet<>();
    try (PreparedStatement add = connection.prepareStatement(ADD.formatted(table))) {
      for (RecordedEvent event : events) {
        if (event.payload() instanceof Placed placed) {
          add.setString(1, placed.customer());
          add.setLong(2, event.position().value());
          add.setString(3, event.stream().key());
          add.setLong(4, placed.cents());
          add.addBatch();
          customers.add(placed.customer());
        }
      }
      add.executeBatch();
    }
    forgetOlder(table, customers, connection);
  }

  private static void forgetOlder(String table, Set<String> customers, Connection connection)
      throws SQLException {
    try (PreparedStatement forget = connection.prepareStatement(FORGET.formatted(table))) {
      for (String customer : customers) {
        forget.setString(1, customer);
        forget.setString(2, customer);
        forget.setInt(3, KEPT);
        forget.addBatch();
      }
      forget.executeBatch();
    }
  }

  /** The last orders of a customer, the latest first. */
  static List<String> of(String customer, String table, Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(OF_CUSTOMER.formatted(table))) {
      statement.setString(1, customer);
      List<String> orders = new ArrayList<>();
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          orders.add(rows.getString(1));
        }
      }
      return orders;
    }
  }
}
