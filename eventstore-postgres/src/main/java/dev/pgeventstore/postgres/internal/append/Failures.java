package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;

/** Says in the caller's terms what an append in a transaction of the store's failed with. */
final class Failures {

  private Failures() {}

  static RuntimeException of(String what, SQLException e) {
    return e instanceof Sender.NotSentException
        ? new EventStoreException(
            "no connection to the database, nothing was written: " + e.getMessage(), e)
        : SqlErrors.ofAppend(what, e);
  }
}
