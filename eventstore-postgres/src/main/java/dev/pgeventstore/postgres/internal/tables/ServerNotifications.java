package dev.pgeventstore.postgres.internal.tables;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** Notifications by NOTIFY and LISTEN. A listener holds a connection. */
public final class ServerNotifications implements Notifications {

  // A transaction that notifies writes a commit record, which need not be durable.
  private static final String NOTIFY =
      """
      select set_config('synchronous_commit', 'off', true), pg_notify(channel, payload)
        from unnest(?::text[], ?::text[]) as sent (channel, payload)
      """;

  private final DataSource dataSource;
  private final boolean throughPoolers;

  /**
   * @param throughPoolers whether to listen on any connection
   */
  public ServerNotifications(DataSource dataSource, boolean throughPoolers) {
    this.dataSource = dataSource;
    this.throughPoolers = throughPoolers;
  }

  @Override
  public void send(Connection connection, List<Notification> notifications) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(NOTIFY)) {
      statement.setArray(1, texts(connection, notifications, Notification::channel));
      statement.setArray(2, texts(connection, notifications, Notification::payload));
      statement.execute();
    }
  }

  private static Array texts(
      Connection connection, List<Notification> of, Function<Notification, String> text)
      throws SQLException {
    return connection.createArrayOf("text", of.stream().map(text).toArray(String[]::new));
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
      listens = true;
      return Optional.of(listener);
    } finally {
      if (!listens) {
        connection.close();
      }
    }
  }

  /**
   * Whether the connection has no pooler in between. A pooler reports its own process ids to
   * clients, for cancelling.
   */
  private static boolean isDirect(Connection connection, PGConnection postgres)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getInt(1) == postgres.getBackendPID();
    }
  }

  /** The connection returns to its pool unchanged. */
  private static final class Listener implements Hearing {

    private final Connection connection;
    private final PGConnection postgres;
    private final boolean autoCommit;
    private final Set<String> heard = new HashSet<>();

    Listener(Connection connection, PGConnection postgres, boolean autoCommit) {
      this.connection = connection;
      this.postgres = postgres;
      this.autoCommit = autoCommit;
    }

    @Override
    public void to(Set<String> channels) throws SQLException {
      for (String channel : channels) {
        if (!heard.contains(channel)) {
          execute("listen", channel);
          heard.add(channel);
        }
      }
      for (String channel : List.copyOf(heard)) {
        if (!channels.contains(channel)) {
          execute("unlisten", channel);
          heard.remove(channel);
        }
      }
    }

    private void execute(String what, String channel) throws SQLException {
      try (Statement statement = connection.createStatement()) {
        statement.execute(what + " \"" + channel + '"');
      }
    }

    @Override
    public List<Notification> next(Duration atMost) throws SQLException {
      PGNotification[] came = postgres.getNotifications(Math.toIntExact(atMost.toMillis()));
      return came == null
          ? List.of()
          : Stream.of(came).map(n -> new Notification(n.getName(), n.getParameter())).toList();
    }

    @Override
    public void close() throws SQLException {
      try (connection) {
        if (!connection.isClosed()) {
          to(Set.of());
          connection.setAutoCommit(autoCommit);
        }
      }
    }
  }
}
