package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;

/** Transactions that lose a race: nothing was done, and the next one may win. */
final class Races {

  private static final int TRIES = 5;

  private Races() {}

  /**
   * Runs a transaction, and again if a deadlock or a serialization failure has rolled it back.
   *
   * @throws SQLException also if that happens several times in a row
   */
  static <T> T runAgain(Transaction<T> transaction) throws SQLException {
    for (int attempt = 1; attempt < TRIES; attempt++) {
      try {
        return transaction.run();
      } catch (SQLException e) {
        if (!SqlErrors.isRolledBackByRace(e)) {
          throw e;
        }
      }
    }
    return transaction.run();
  }

  /**
   * All that is done in one.
   *
   * @param <T> what comes of it
   */
  interface Transaction<T> {
    T run() throws SQLException;
  }
}
