package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.HandlerFaults;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks the store's database whether it is well, for {@link HandlerFaults}. For one thread. */
final class Faults {

  private static final Logger LOG = LoggerFactory.getLogger(Faults.class);

  private final SubscriptionTables tables;
  private final HandlerFaults faults = new HandlerFaults();

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
    return faults.isHandlers(
        failure, connectionLived || isSaidByServer(failure), at, () -> isWell(incarnation));
  }

  /** The same for what a statement of the store's has failed with, after the handler returned. */
  boolean isHandlersAfterAll(Throwable failure, long at, String incarnation) {
    return faults.isHandlersAfterAll(failure, at, () -> isWell(incarnation));
  }

  private static boolean isSaidByServer(Throwable failure) {
    return SqlFailure.in(failure).filter(SqlErrors::isSaidByServer).isPresent();
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
