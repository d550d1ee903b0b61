package dev.pgeventstore.benchmarks;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;

/** The number of connections: the limit needs one for each of its writers. */
final class Capacity {

  /** Connections for the other databases of a run, and for the pools of the stores. */
  private static final int OTHERS = 60;

  private Capacity() {}

  /** Starts a server with enough connections, unless one already runs. */
  static PostgresServer start() {
    return PostgresServer.start(Map.of("max_connections", "400"));
  }

  /**
   * The number of connections that the limit's writers may use; prints a warning if there are too
   * few.
   */
  static int plainConnections(PostgresServer server) throws SQLException {
    try (Connection connection = new Database(server.url("postgres")).open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                select current_setting('max_connections')::int
                         - current_setting('superuser_reserved_connections')::int
                         - (select count(*) from pg_stat_activity
                             where backend_type = 'client backend')
                """)) {
      row.next();
      int room = Math.max(1, row.getInt(1) - OTHERS);
      if (room < AppendWorks.MOST_WRITERS) {
        System.out.printf(
            "!! The server has room for %d writers of plain JDBC: works with more compare with as"
                + " many. Raise max_connections to 400.%n",
            room);
      }
      return Math.min(room, AppendWorks.MOST_WRITERS);
    }
  }
}
