package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;

/**
 * Translates the failure of an append in the store's own transaction into an exception for the
 * caller.
 */
final class Failures {

  private Failures() {}

  /** For messages, which have no ids by which a retry is recognised, so the advice differs. */
  static RuntimeException ofPublishing(String what, SQLException e) {
    return SqlErrors.isConnectionLost(e) && !(e instanceof Sender.NotSentException)
        ? new OutcomeUnknownException(
            "the response to the %s was lost: it may have been committed or not. A retry may publish them twice."
                .formatted(what),
            e)
        : of(what, e);
  }

  static RuntimeException of(String what, SQLException e) {
    return e instanceof Sender.NotSentException
        ? new EventStoreException(
            "no connection to the database, nothing was written: " + e.getMessage(), e)
        : SqlErrors.ofAppend(what, e);
  }
}
