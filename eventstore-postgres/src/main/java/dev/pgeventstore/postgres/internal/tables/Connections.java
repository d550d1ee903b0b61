package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.jdbi.v3.core.JdbiException;

/**
 * Connections of a data source, whatever mode they come in: a pool may hand them out with
 * auto-commit off.
 */
public final class Connections {

  private final DataSource dataSource;

  public Connections(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /**
   * Does something of the store's that is one statement, or several that need no common
   * transaction.
   */
  public <T> T use(Work<T> work) throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      if (connection.getAutoCommit()) {
        return work.on(connection);
      }
      return commit(connection, work);
    } catch (JdbiException e) {
      // Who talks to the store knows nothing of Jdbi, and SQLSTATEs tell what can be retried.
      if (e.getCause() instanceof SQLException cause) {
        throw cause;
      }
      throw e;
    }
  }

  /** Does something in a transaction. It is rolled back if that throws anything. */
  public <T> T inTransaction(Work<T> work) throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      boolean autoCommit = connection.getAutoCommit();
      if (!autoCommit) {
        return commit(connection, work);
      }
      connection.setAutoCommit(false);
      try {
        return commit(connection, work);
      } finally {
        if (!connection.isClosed()) {
          connection.setAutoCommit(true);
        }
      }
    }
  }

  private static <T> T commit(Connection connection, Work<T> work) throws SQLException {
    boolean committed = false;
    try {
      T result = work.on(connection);
      connection.commit();
      committed = true;
      return result;
    } finally {
      if (!committed && !connection.isClosed()) {
        connection.rollback();
      }
    }
  }

  /**
   * What is done with a connection.
   *
   * @param <T> what comes of it
   */
  @FunctionalInterface
  public interface Work<T> {
    /** Does it. */
    T on(Connection connection) throws SQLException;
  }
}
