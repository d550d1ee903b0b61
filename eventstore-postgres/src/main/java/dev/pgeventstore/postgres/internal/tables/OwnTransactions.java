package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.TransactionState;

/**
 * The store must never commit or roll back what it did not begin. A data source that takes part in
 * a framework's transactions gives the connection of the caller's transaction to the store as well.
 */
public final class OwnTransactions {

  private static final String SPRING =
      "org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy";

  /**
   * A transaction that has read or written anything holds a lock on it, or has an id. One without
   * is what a pool leaves that tests its connections with auto-commit off.
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
   * @throws IllegalArgumentException if it is one
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
      return false; // If there is one all the same, its connections tell.
    }
  }

  /**
   * Refuses a connection with a transaction that others have begun.
   *
   * @throws SQLException if it has one; nothing was sent, and it stays as it is
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

  /** As far as the driver knows, without asking the server. */
  private static TransactionState state(Connection connection) throws SQLException {
    return connection.isWrapperFor(BaseConnection.class)
        ? connection.unwrap(BaseConnection.class).getTransactionState()
        : TransactionState.IDLE;
  }

  private static boolean hasDoneSomething(Connection connection) throws SQLException {
    if (connection.getAutoCommit() || state(connection) == TransactionState.FAILED) {
      return true; // Begun by a statement of others, or by one that went wrong.
    }
    try (PreparedStatement statement = connection.prepareStatement(HAS_DONE_SOMETHING);
        ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getBoolean(1);
    }
  }
}
