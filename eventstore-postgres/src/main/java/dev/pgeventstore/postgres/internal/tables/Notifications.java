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
   * Starts listening, without a channel yet.
   *
   * @return the listener; empty behind a pooler, through which no notification would arrive
   */
  Optional<Hearing> listen() throws SQLException;

  /**
   * A notification.
   *
   * @param channel the channel of a schema
   * @param payload the text
   */
  record Notification(String channel, String payload) {}

  /** Receives notifications until it is closed. For use by one thread. */
  interface Hearing extends AutoCloseable {

    /** Listens to these channels from now on, and to no others. */
    void to(Set<String> channels) throws SQLException;

    /** Waits for notifications and returns them; returns nothing if the timeout expires. */
    List<Notification> next(Duration atMost) throws SQLException;

    @Override
    void close() throws SQLException;
  }
}
