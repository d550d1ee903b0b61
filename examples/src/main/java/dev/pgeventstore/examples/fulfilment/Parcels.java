package dev.pgeventstore.examples.fulfilment;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/** The warehouse's table. Every change is idempotent: to repeat it changes nothing. */
final class Parcels {

  private static final String CREATE =
      """
      create table public.parcels (
        order_id text not null,
        article text not null,
        state text not null,
        constraint parcels_pkey primary key (order_id)
      )
      """;

  private static final String PACK =
      """
      insert into public.parcels (order_id, article, state)
      values (?, ?, 'packed')
      on conflict on constraint parcels_pkey do nothing
      """;

  private static final String MOVE =
      """
      update public.parcels
         set state = ?
       where order_id = ?
         and state = 'packed'
      """;

  private static final String STATES =
      """
      select order_id, state
        from public.parcels
      """;

  private Parcels() {}

  static void createTable(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  static void pack(String order, String article, Connection connection) throws SQLException {
    update(PACK, order, article, connection);
  }

  static void ship(String order, Connection connection) throws SQLException {
    update(MOVE, "shipped", order, connection);
  }

  static void unpack(String order, Connection connection) throws SQLException {
    update(MOVE, "unpacked", order, connection);
  }

  private static void update(String sql, String first, String second, Connection connection)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, first);
      statement.setString(2, second);
      statement.executeUpdate();
    }
  }

  /** The state of each order's parcel. */
  static Map<String, String> states(DataSource database) throws SQLException {
    Map<String, String> states = new TreeMap<>();
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(STATES)) {
      while (rows.next()) {
        states.put(rows.getString("order_id"), rows.getString("state"));
      }
    }
    return states;
  }
}
