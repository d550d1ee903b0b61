package dev.pgeventstore.postgres.internal.project;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.spi.ProjectionRegistry.Step;
import dev.pgeventstore.spi.ProjectionRegistry.Work;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** What transactions that run a projection's definition have in common. */
final class Transactions {

  private static final Lender LENDER = Lender.to("the definition of a projection");

  /** Longer than a definition computes between two statements. */
  private static final Duration LONGEST_SILENCE = Duration.ofMinutes(1);

  private Transactions() {}

  /**
   * Lets each statement see what was committed before it, whatever the pool's default is, and lets
   * the server end the transaction if this process is frozen: others wait for its locks. This must
   * be the first statement of a transaction; a setting that is not local could outlive the
   * transaction behind a pooler.
   */
  static void begin(Connection connection) throws SQLException {
    execute(connection, "set transaction isolation level read committed");
    ServerFunctions.endIfSilent(connection, LONGEST_SILENCE);
  }

  /** Limits how long this transaction waits for a lock. */
  static void lockTimeout(Connection connection, Duration time) throws SQLException {
    execute(connection, "set local lock_timeout = " + time.toMillis());
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** Runs a step of a definition. */
  static void run(Step step, Connection connection, String failure) throws SQLException {
    find(
        inside -> {
          step.in(inside);
          return true;
        },
        connection,
        failure);
  }

  /** Runs work of a definition, which must not end the transaction, and returns its result. */
  static <T> T find(Work<T> work, Connection connection, String failure) throws SQLException {
    try {
      LentTransaction lent = LENDER.lend(connection);
      // A lane may wait for a lock of this transaction.
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

  /** Whether another transaction prevented this one: nothing was done, and a retry may succeed. */
  static boolean isHeldUp(SQLException e) {
    return SqlErrors.isLockNotAvailable(e) || SqlErrors.isRolledBackByRace(e);
  }
}
