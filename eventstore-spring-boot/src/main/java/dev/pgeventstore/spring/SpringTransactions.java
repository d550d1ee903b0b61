package dev.pgeventstore.spring;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.function.Function;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** Finds the transaction of a data source that is active in the calling thread. */
final class SpringTransactions {

  private final DataSource dataSource;

  SpringTransactions(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /** Work with a connection of the active transaction, or with none. */
  @FunctionalInterface
  interface Work<T> {

    T on(@Nullable Connection connection);
  }

  /**
   * Reads in the active transaction if it is one of the data source.
   *
   * @param work is given no connection if there is no transaction to join
   */
  <T> T read(Work<T> work) {
    return isActive() && isBound()
        ? onConnection(connection -> work.on(isInTransaction(connection) ? connection : null))
        : work.on(null);
  }

  /**
   * Writes in the active transaction.
   *
   * @param what for the text of the exception
   * @param work is given no connection if no transaction is active
   * @throws IllegalStateException if a transaction is active that cannot be joined
   */
  <T> T write(Object what, Work<T> work) {
    if (!isActive()) {
      return work.on(null);
    }
    if (TransactionSynchronizationManager.isCurrentTransactionReadOnly()) {
      throw new IllegalStateException("the transaction is read-only, nothing was written: " + what);
    }
    if (isOver()) {
      throw new IllegalStateException(
          ("the transaction has ended, nothing was written: %s. What is called after a commit"
                  + " appends in a new transaction (REQUIRES_NEW)")
              .formatted(what));
    }
    if (!isBound()) {
      throw ofOthers(what);
    }
    return onConnection(
        connection -> {
          if (!isInTransaction(connection)) {
            throw ofOthers(what);
          }
          return work.on(connection);
        });
  }

  /**
   * Refuses what cannot join a transaction.
   *
   * @throws IllegalStateException if one is active
   */
  void requireNone(Object what) {
    if (isActive()) {
      throw new IllegalStateException(
          ("a transaction is active, nothing was written: %s. Its future could not complete before"
                  + " the commit: use append(…) or DeferredAppends")
              .formatted(what));
    }
  }

  boolean isActive() {
    return TransactionSynchronizationManager.isActualTransactionActive();
  }

  /** Whether the commit has begun: what is registered for it now may not be called any more. */
  boolean isCommitting() {
    return TransactionPhase.isCommitting();
  }

  /** Spring takes the synchronizations away before it calls what is to run after completion. */
  private static boolean isOver() {
    return !TransactionSynchronizationManager.isSynchronizationActive()
        || TransactionPhase.isCommitted();
  }

  private boolean isBound() {
    return TransactionSynchronizationManager.hasResource(dataSource);
  }

  /** A connection that only lives as long as another resource's transaction commits by itself. */
  private static boolean isInTransaction(Connection connection) {
    try {
      return !connection.getAutoCommit();
    } catch (SQLException e) {
      throw new IllegalStateException("the connection of the transaction cannot be used", e);
    }
  }

  private <T> T onConnection(Function<Connection, T> work) {
    Connection connection = DataSourceUtils.getConnection(dataSource);
    try {
      return work.apply(connection);
    } finally {
      DataSourceUtils.releaseConnection(connection, dataSource);
    }
  }

  private static IllegalStateException ofOthers(Object what) {
    String name = TransactionSynchronizationManager.getCurrentTransactionName();
    return new IllegalStateException(
        ("the active transaction%s is not one of the store's data source, so it cannot be joined;"
                + " nothing was written: %s. Use the transaction manager of that data source, or"
                + " suspend the transaction (NOT_SUPPORTED) to commit the append alone")
            .formatted(name == null ? "" : " " + name, what));
  }
}
