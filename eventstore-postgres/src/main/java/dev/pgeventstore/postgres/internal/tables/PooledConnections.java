package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.Causes;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Connections of a data source, in any mode: a pool may hand them out with auto-commit off. */
public final class PooledConnections implements Connections {

  private static final Logger LOG = LoggerFactory.getLogger(PooledConnections.class);

  private final DataSource dataSource;

  /** Zero where a server may take as long as the driver allows. */
  private final int patienceMillis;

  public PooledConnections(DataSource dataSource) {
    this(dataSource, 0);
  }

  private PooledConnections(DataSource dataSource, int patienceMillis) {
    this.dataSource = dataSource;
    this.patienceMillis = patienceMillis;
  }

  @Override
  public Connections within(Duration patience) {
    return new PooledConnections(dataSource, Math.toIntExact(patience.toMillis()));
  }

  /**
   * Takes a connection. Pools also throw unchecked exceptions, when they are interrupted, closed or
   * cannot start. Each of these means that there is no connection now, but may be one later.
   *
   * @throws SQLException if there is no connection, or it has a transaction of others
   */
  public static Connection take(DataSource dataSource) throws SQLException {
    Connection connection = connect(dataSource);
    try {
      OwnTransactions.requireNone(connection);
      return connection;
    } catch (SQLException | RuntimeException e) {
      closeAfter(e, connection);
      throw e;
    }
  }

  private static Connection connect(DataSource dataSource) throws SQLException {
    try {
      return dataSource.getConnection();
    } catch (SQLException e) {
      throw e;
    } catch (Exception e) {
      // Also one that is checked and not declared, as pools in other languages may throw.
      throw new SQLTransientConnectionException(
          "the data source gives no connection: " + Causes.text(e), "08001", e);
    }
  }

  private static void closeAfter(Throwable failure, Connection connection) {
    try {
      connection.close();
    } catch (Exception e) {
      failure.addSuppressed(e);
    }
  }

  @Override
  public <T> T use(Work<T> work) throws SQLException {
    // Whatever mode the pool gives: the server commits each statement by itself, so a process that
    // freezes after one holds no locks.
    return borrow(connection -> inMode(connection, true, work));
  }

  @Override
  public <T> T inTransaction(Work<T> work) throws SQLException {
    return inTransaction(work, true);
  }

  @Override
  public <T> T inTransactionRolledBack(Work<T> work) throws SQLException {
    return inTransaction(work, false);
  }

  private <T> T inTransaction(Work<T> work, boolean keep) throws SQLException {
    return borrow(
        connection -> inMode(connection, false, transaction -> end(transaction, work, keep)));
  }

  private static <T> T inMode(Connection connection, boolean autoCommit, Work<T> work)
      throws SQLException {
    if (connection.getAutoCommit() == autoCommit) {
      return work.on(connection);
    }
    connection.setAutoCommit(autoCommit);
    T result;
    try {
      result = work.on(connection);
    } catch (Throwable e) {
      restore(connection, !autoCommit, e);
      throw e;
    }
    afterwards(() -> connection.setAutoCommit(!autoCommit));
    return result;
  }

  private <T> T borrow(Work<T> work) throws SQLException {
    Connection connection = take(dataSource);
    T result;
    try {
      result = patienceMillis == 0 ? work.on(connection) : patiently(connection, work);
    } catch (Throwable e) {
      closeAfter(e, connection);
      throw e;
    }
    afterwards(connection::close);
    return result;
  }

  private <T> T patiently(Connection connection, Work<T> work) throws SQLException {
    int before = connection.getNetworkTimeout();
    connection.setNetworkTimeout(Runnable::run, patienceMillis);
    try {
      return work.on(connection);
    } finally {
      afterwards(
          () -> {
            if (!connection.isClosed()) {
              connection.setNetworkTimeout(Runnable::run, before);
            }
          });
    }
  }

  /** Runs a clean-up. Its failure changes nothing: what was committed stays committed. */
  private static void afterwards(Cleanup cleanup) {
    try {
      cleanup.run();
    } catch (Throwable e) {
      LOG.debug("A connection could not be given back as it was", Causes.loggable(e));
    }
  }

  private static <T> T end(Connection connection, Work<T> work, boolean keep) throws SQLException {
    T result;
    try {
      result = work.on(connection);
      if (keep) {
        connection.commit();
        return result;
      }
    } catch (Throwable e) {
      undo(connection, e);
      throw e;
    }
    connection.rollback();
    return result;
  }

  /**
   * Rolls back, and adds a failure of this to the original one, which may have broken the
   * connection.
   */
  private static void undo(Connection connection, Throwable cause) {
    try {
      if (!connection.isClosed() && !connection.getAutoCommit()) {
        connection.rollback();
      }
    } catch (SQLException e) {
      cause.addSuppressed(e);
    }
  }

  /** The first failure says what happened, so it must not be hidden by a failure of this. */
  private static void restore(Connection connection, boolean autoCommit, Throwable cause) {
    try {
      if (!connection.isClosed()) {
        connection.setAutoCommit(autoCommit);
      }
    } catch (Throwable e) {
      cause.addSuppressed(e);
    }
  }

  /** A last step with a connection. */
  @FunctionalInterface
  private interface Cleanup {

    void run() throws SQLException;
  }
}
