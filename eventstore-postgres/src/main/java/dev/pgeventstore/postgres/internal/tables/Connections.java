package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;

/** How the store gets connections to its database. Safe for many threads. */
public interface Connections {

  /**
   * Does something of the store's that is one statement, or several that need no common
   * transaction.
   */
  <T> T use(Work<T> work) throws SQLException;

  /** Does something in a transaction. It is rolled back if that throws anything. */
  <T> T inTransaction(Work<T> work) throws SQLException;

  /** Does something in a transaction that is rolled back in any case. */
  <T> T inTransactionRolledBack(Work<T> work) throws SQLException;

  /**
   * What is done with a connection.
   *
   * @param <T> the type of the result
   */
  @FunctionalInterface
  interface Work<T> {
    /** Does it. */
    T on(Connection connection) throws SQLException;
  }
}
