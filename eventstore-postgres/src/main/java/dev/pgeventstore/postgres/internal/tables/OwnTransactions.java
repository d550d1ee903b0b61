package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.TransactionState;

/**
 * Checks that a connection has no transaction of others, because the store must never commit or
 * roll back what it did not begin. A data source that takes part in a framework's transactions also
 * hands out the connection of the caller's transaction.
 */
public final class OwnTransactions {

  private static final String SPRING =
      "org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy";

  /**
   * A transaction that has read or written anything holds a lock on it, or has an id. A pool that
   * tests its connections with auto-commit off leaves transactions with neither.
   */
  private static final String HAS_DONE_SOMETHING =
      """
      select exists (
        select from pg_catalog.pg_locks as l
         where l.pid = pg_catalog.pg_backend_pid()
           and l.locktype <> 'virtualxid'
           and (l.relation is null or l.relation <> 'pg_catalog.pg_locks'::pg_catalog.regclass))
      """;

  private OwnTransactions() {}

  /**
   * Refuses a data source that is known to share connections.
   *
   * @throws IllegalArgumentException if the data source shares connections
   */
  public static void requireOwnConnections(DataSource dataSource) {
    if (isNamed(dataSource.getClass()) || wraps(dataSource)) {
      throw new IllegalArgumentException(
          "the data source is a TransactionAwareDataSourceProxy, with which the store would commit and"
              + " roll back transactions of others: give it the data source that it wraps, and append in"
              + " a transaction of yours by within(connection)");
    }
  }

  private static boolean isNamed(Class<?> type) {
    for (Class<?> each = type; each != null; each = each.getSuperclass()) {
      if (each.getName().equals(SPRING)) {
        return true;
      }
    }
    return false;
  }

  private static boolean wraps(DataSource dataSource) {
    try {
      return dataSource.isWrapperFor(
          Class.forName(SPRING, false, dataSource.getClass().getClassLoader()));
    } catch (ClassNotFoundException | SQLException | AbstractMethodError e) {
      return false; // If there is one nevertheless, the check of its connections finds it.
    }
  }

  /**
   * Refuses a connection with a transaction that others have begun.
   *
   * @throws SQLException if it has one; nothing was sent, and the transaction is unchanged
   */
  public static void requireNone(Connection connection) throws SQLException {
    if (state(connection) != TransactionState.IDLE && hasDoneSomething(connection)) {
      throw new SQLException(
          "the data source handed out a connection with a transaction of others on it, which the store"
              + " must not end: give it a data source that does not take part in transactions, and"
              + " append in a transaction of yours by within(connection)",
          "25001");
    }
  }

  /** The state that the driver knows, without a query to the server. */
  private static TransactionState state(Connection connection) throws SQLException {
    return connection.isWrapperFor(BaseConnection.class)
        ? connection.unwrap(BaseConnection.class).getTransactionState()
        : TransactionState.IDLE;
  }

  private static boolean hasDoneSomething(Connection connection) throws SQLException {
    if (connection.getAutoCommit() || state(connection) == TransactionState.FAILED) {
      return true; // The transaction was begun by a statement of others, or has failed.
    }
    try (PreparedStatement statement = connection.prepareStatement(HAS_DONE_SOMETHING);
        ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getBoolean(1);
    }
  }
}
