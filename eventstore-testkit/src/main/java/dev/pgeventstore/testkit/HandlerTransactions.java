package dev.pgeventstore.testkit;

import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.spi.ProjectionRegistry.Step;
import dev.pgeventstore.spi.ProjectionRegistry.Work;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The transactions that handlers and definitions run in: those of a data source. Without a data
 * source there are no transactions, and every method of the connection throws. Safe for many
 * threads.
 */
final class HandlerTransactions {

  private static final InvocationHandler REFUSAL =
      (proxy, method, arguments) ->
          switch (method.getName()) {
            case "equals" -> arguments[0] == proxy;
            case "hashCode" -> System.identityHashCode(proxy);
            case "toString" -> "no connection: this store in memory has no data source";
            default ->
                throw new UnsupportedOperationException(
                    "%s: this store in memory has no data source, so that its handlers have no connection. Give it one: InMemoryEventStore.builder(codec).dataSource(…)"
                        .formatted(method.getName()));
          };

  private static final Connection NONE =
      (Connection)
          Proxy.newProxyInstance(
              HandlerTransactions.class.getClassLoader(),
              new Class<?>[] {Connection.class},
              REFUSAL);

  private final @Nullable DataSource dataSource;

  HandlerTransactions(@Nullable DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /** Whether a connection is the one that handlers get if there is no data source. */
  static boolean isNone(Connection connection) {
    return connection == NONE;
  }

  /**
   * Runs a step in a transaction, which is committed if the step returns, and rolled back if it
   * throws.
   *
   * @param borrower a name for the step's code, for messages
   */
  void commit(String borrower, Step step) throws Exception {
    Object unused =
        run(
            borrower,
            connection -> {
              step.in(connection);
              return this;
            },
            true);
  }

  /** Runs work in a transaction that is rolled back, and returns its result. */
  <T> T rollBack(String borrower, Work<T> work) throws Exception {
    return run(borrower, work, false);
  }

  private <T> T run(String borrower, Work<T> work, boolean commits) throws Exception {
    if (dataSource == null) {
      return work.in(NONE);
    }
    try (Connection connection = dataSource.getConnection()) {
      connection.setAutoCommit(false);
      T found;
      try {
        LentTransaction lent = Lender.refusing(borrower).lend(connection);
        found = work.in(lent.connection());
        lent.takeBack();
      } catch (Exception | Error e) {
        rollBack(connection, e);
        throw e;
      }
      if (commits) {
        connection.commit();
      } else {
        connection.rollback();
      }
      return found;
    }
  }

  private static void rollBack(Connection connection, Throwable because) {
    try {
      connection.rollback();
    } catch (SQLException e) {
      because.addSuppressed(e);
    }
  }
}
