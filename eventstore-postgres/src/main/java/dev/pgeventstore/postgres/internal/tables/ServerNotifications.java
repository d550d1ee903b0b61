package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** Notifications by NOTIFY and LISTEN, the latter on a connection that is held. */
public final class ServerNotifications implements Notifications {

  // A notifying transaction has a commit record; nobody needs it to be durable.
  private static final String NOTIFY =
      "select set_config('synchronous_commit', 'off', true), pg_notify(?, ?)";

  private final DataSource dataSource;
  private final String channel;
  private final boolean throughPoolers;

  /**
   * @param throughPoolers whether to listen on any connection
   */
  public ServerNotifications(DataSource dataSource, Schema schema, boolean throughPoolers) {
    this.dataSource = dataSource;
    this.channel = schema.channel();
    this.throughPoolers = throughPoolers;
  }

  @Override
  public void send(Connection connection, String payload) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(NOTIFY)) {
      statement.setString(1, channel);
      statement.setString(2, payload);
      statement.execute();
    }
  }

  @Override
  public Optional<Hearing> listen() throws SQLException {
    Connection connection = PooledConnections.take(dataSource);
    boolean listens = false;
    try {
      PGConnection postgres = connection.unwrap(PGConnection.class);
      Listener listener = new Listener(connection, postgres, connection.getAutoCommit());
      connection.setAutoCommit(true);
      if (!throughPoolers && !isDirect(connection, postgres)) {
        connection.setAutoCommit(listener.autoCommit);
        return Optional.empty();
      }
      execute(connection, "listen \"" + channel + '"');
      listens = true;
      return Optional.of(listener);
    } finally {
      if (!listens) {
        connection.close();
      }
    }
  }

  /** A pooler gives its clients process numbers of its own making: they are for cancelling. */
  private static boolean isDirect(Connection connection, PGConnection postgres)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getInt(1) == postgres.getBackendPID();
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** The connection goes back to its pool as it came. */
  private final class Listener implements Hearing {

    private final Connection connection;
    private final PGConnection postgres;
    private final boolean autoCommit;

    Listener(Connection connection, PGConnection postgres, boolean autoCommit) {
      this.connection = connection;
      this.postgres = postgres;
      this.autoCommit = autoCommit;
    }

    @Override
    public List<String> next(Duration atMost) throws SQLException {
      PGNotification[] heard = postgres.getNotifications(Math.toIntExact(atMost.toMillis()));
      return heard == null
          ? List.of()
          : Stream.of(heard).map(PGNotification::getParameter).toList();
    }

    @Override
    public void close() throws SQLException {
      try (connection) {
        if (!connection.isClosed()) {
          execute(connection, "unlisten \"" + channel + '"');
          connection.setAutoCommit(autoCommit);
        }
      }
    }
  }
}
