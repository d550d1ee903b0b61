package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The notifications on the channel of a store. Safe for many threads. */
public interface Notifications {

  /** Notifies the listeners, in the transaction of a connection. */
  void send(Connection connection, String payload) throws SQLException;

  /**
   * Begins to listen.
   *
   * @return empty if a pooler stands between, through which nothing would be heard
   */
  Optional<Hearing> listen() throws SQLException;

  /** Hears what is sent until it is closed. For one thread. */
  interface Hearing extends AutoCloseable {

    /** The payloads that came, as soon as there are any; none if the time is over. */
    List<String> next(Duration atMost) throws SQLException;

    @Override
    void close() throws SQLException;
  }
}
