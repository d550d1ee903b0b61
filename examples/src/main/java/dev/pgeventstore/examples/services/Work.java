package dev.pgeventstore.examples.services;

import dev.pgeventstore.RecordedEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/**
 * A table of the handled events, in the order of entry. It has no constraint against repetitions.
 */
final class Work {

  private static final String CREATE =
      """
      create table if not exists public.work (
        entry bigint generated always as identity,
        position bigint not null,
        stream text not null,
        service text not null,
        node text not null
      )
      """;

  private static final String DONE =
      """
      insert into public.work (position, stream, service, node)
      values (?, ?, ?, ?)
      """;

  private static final String ALL =
      """
      select position, stream, service, node
        from public.work
       order by entry
      """;

  private Work() {}

  static void createTable(DataSource database) throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  static void done(String service, String node, List<RecordedEvent> events, Connection connection)
      throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(DONE)) {
      for (RecordedEvent event : events) {
        insert.setLong(1, event.position().value());
        insert.setString(2, event.stream().toString());
        insert.setString(3, service);
        insert.setString(4, node);
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  static List<Item> all(DataSource database) throws SQLException {
    List<Item> work = new ArrayList<>();
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        work.add(
            new Item(
                rows.getLong("position"),
                rows.getString("stream"),
                rows.getString("service"),
                rows.getString("node")));
      }
    }
    return work;
  }

  /** An event that a node of a service has handled. */
  record Item(long position, String stream, String service, String node) {}
}
