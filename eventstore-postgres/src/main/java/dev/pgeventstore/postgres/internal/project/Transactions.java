package dev.pgeventstore.postgres.internal.project;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.spi.ProjectionRegistry.Step;
import dev.pgeventstore.spi.ProjectionRegistry.Work;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** What transactions that run a definition have in common. */
final class Transactions {

  private static final Lender LENDER = Lender.to("the definition of a projection");

  private Transactions() {}

  /**
   * Each statement sees what was committed before it, whatever the pool's default is. The first
   * statement of a transaction: behind a pooler nothing else would keep it within that.
   */
  static void readCommitted(Connection connection) throws SQLException {
    execute(connection, "set transaction isolation level read committed");
  }

  /** How long a lock is waited for in this transaction. */
  static void lockTimeout(Connection connection, Duration time) throws SQLException {
    execute(connection, "set local lock_timeout = " + time.toMillis());
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** Takes a step of a definition. */
  static void run(Step step, Connection connection, String failure) throws SQLException {
    find(
        inside -> {
          step.in(inside);
          return true;
        },
        connection,
        failure);
  }

  /** Finds something out, by a definition, which must not end the transaction. */
  static <T> T find(Work<T> work, Connection connection, String failure) throws SQLException {
    try {
      LentTransaction lent = LENDER.lend(connection);
      // A lane may wait for what this transaction holds.
      T found = EngineThread.find(() -> work.in(lent.connection()));
      lent.takeBack();
      lent.requireOpen();
      return found;
    } catch (SQLException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EventStoreException(failure + ": " + e.getMessage(), e);
    }
  }

  /** Whether somebody else was in the way: nothing was done, and trying again may succeed. */
  static boolean isHeldUp(SQLException e) {
    return SqlErrors.isLockNotAvailable(e) || SqlErrors.isRolledBackByRace(e);
  }
}
