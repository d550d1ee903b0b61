package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.Causes;
import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;

/**
 * The driver, a proxy of it or the pool has failed after a transaction may have been sent, and the
 * server has not reported its outcome: it may be committed.
 */
public final class AnswerLostException extends SQLNonTransientConnectionException {

  private static final long serialVersionUID = 1L;

  private AnswerLostException(Throwable cause) {
    super("the response was lost: " + Causes.text(cause), "08007", cause);
  }

  /**
   * Translates a failure of a transaction of the store that may have been sent.
   *
   * @param failure the exception that was thrown
   * @return the failure that the server has reported, or one that leaves the outcome unknown
   */
  public static SQLException unlessReported(Throwable failure) {
    for (Throwable cause : Causes.of(failure)) {
      if (cause instanceof SQLException e
          && (SqlErrors.isSaidByServer(e) || SqlErrors.isConnectionLost(e))) {
        return e;
      }
    }
    return new AnswerLostException(failure);
  }
}
