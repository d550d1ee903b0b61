package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Notifications between processes, on a channel for each schema. Safe for many threads. */
public interface Notifications {

  /** Notifies the listeners, in the transaction of a connection. */
  void send(Connection connection, List<Notification> notifications) throws SQLException;

  /**
   * Begins to listen, to no channel yet.
   *
   * @return empty if there is a pooler in between, through which no notification would arrive
   */
  Optional<Hearing> listen() throws SQLException;

  /**
   * What is sent.
   *
   * @param channel of a schema
   * @param payload what it says
   */
  record Notification(String channel, String payload) {}

  /** Hears what is sent until it is closed. For one thread. */
  interface Hearing extends AutoCloseable {

    /** Listens to these channels from now on, and to no others. */
    void to(Set<String> channels) throws SQLException;

    /** What has arrived, as soon as there is anything; nothing if the timeout expires. */
    List<Notification> next(Duration atMost) throws SQLException;

    @Override
    void close() throws SQLException;
  }
}
