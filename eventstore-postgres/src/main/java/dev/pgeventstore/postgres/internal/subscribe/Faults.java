package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whose fault a failure is that looks like the database's: the handler's, if the database
 * is well (docs/adr/0016). For one thread.
 */
final class Faults {

  private static final Logger LOG = LoggerFactory.getLogger(Faults.class);

  /** So many races or lost connections in a row, at one place, are one attempt of the handler's. */
  private static final int IN_A_ROW = 10;

  private final SubscriptionTables tables;
  private long place = -1;
  private int inARow;

  Faults(SubscriptionTables tables) {
    this.tables = tables;
  }

  /**
   * Whether what the handler has thrown, or the commit, counts as its attempt.
   *
   * @param connectionLived whether the connection that the handler was given is still of use
   * @param at where the checkpoint stands
   * @param incarnation that the events were read in; empty for any
   */
  boolean isHandlers(Throwable failure, boolean connectionLived, long at, String incarnation) {
    SqlFailure kind = SqlFailure.of(failure);
    return switch (kind) {
      case PERMANENT -> true;
      case REFUSED -> isWell(incarnation);
      case RACE -> isWell(incarnation) && isOneTooMany(at);
      case LOST ->
          isWell(incarnation) && (connectionLived || isSaidByServer(failure) || isOneTooMany(at));
      // A disk that is full is so for all. Memory may be missing for one statement only.
      case EXHAUSTED ->
          SqlFailure.isOutOfMemory(failure) && isWell(incarnation) && isOneTooMany(at);
    };
  }

  /** The same for what a statement of the store's has failed with, after the handler returned. */
  boolean isHandlersAfterAll(Throwable failure, long at, String incarnation) {
    SqlFailure kind = SqlFailure.of(failure);
    return kind == SqlFailure.PERMANENT
        || (kind != SqlFailure.EXHAUSTED && isWell(incarnation) && isOneTooMany(at));
  }

  private static boolean isSaidByServer(Throwable failure) {
    return SqlFailure.in(failure).filter(SqlErrors::isSaidByServer).isPresent();
  }

  private boolean isOneTooMany(long at) {
    if (at != place) {
      place = at;
      inARow = 0;
    }
    inARow++;
    return inARow % IN_A_ROW == 0;
  }

  /** The server answers another connection, may be written to, and is in the same incarnation. */
  private boolean isWell(String incarnation) {
    try {
      return tables
          .connections()
          .use(connection -> tables.status().isWritable(connection, incarnation));
    } catch (SQLException | RuntimeException e) {
      LOG.debug("The database is not well", e);
      return false;
    }
  }
}
