package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/** Gives the store connections to its database. Safe for many threads. */
public interface Connections {

  /** Runs work that is one statement, or several that need no common transaction. */
  <T> T use(Work<T> work) throws SQLException;

  /** Runs work in a transaction, which is rolled back if the work throws anything. */
  <T> T inTransaction(Work<T> work) throws SQLException;

  /** Runs work in a transaction that is always rolled back. */
  <T> T inTransactionRolledBack(Work<T> work) throws SQLException;

  /**
   * The same connections, for what must not wait for long.
   *
   * @param patience how long the server may take to answer; then it, or the way to it, counts as
   *     dead, and the connection is closed
   */
  Connections within(Duration patience);

  /**
   * Work on a connection.
   *
   * @param <T> the type of the result
   */
  @FunctionalInterface
  interface Work<T> {
    /** Runs the work. */
    T on(Connection connection) throws SQLException;
  }
}
