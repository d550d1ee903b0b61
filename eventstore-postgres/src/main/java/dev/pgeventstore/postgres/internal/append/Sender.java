package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.postgres.internal.tables.AnswerLostException;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends appends in the store's own transactions. */
final class Sender {

  private static final Logger LOG = LoggerFactory.getLogger(Sender.class);

  /**
   * Deadlocks come from callers' own transactions; if this one is chosen as the victim, it is
   * retried.
   */
  private static final int TRIES = 5;

  private final DataSource dataSource;
  private final boolean forOthers;

  /**
   * Creates a sender over connections of a data source.
   *
   * @param forOthers whether the sending thread also sends for other callers; then an interrupt
   *     does not prevent it from getting a connection, and is restored afterwards
   */
  Sender(DataSource dataSource, boolean forOthers) {
    this.dataSource = dataSource;
    this.forOthers = forOthers;
  }

  /** Sends a request, without a time limit for the response. */
  <T> T send(Request<T> request) throws SQLException {
    return send(request, Exchange.withoutLimit());
  }

  /**
   * Sends a request in one transaction, and again in another one if a race has rolled it back.
   *
   * @param exchange registers each connection, and may close it
   * @throws NotSentException if there is no connection
   * @throws SQLException if the request failed; it may be committed if the SQLSTATE is that of a
   *     lost connection, and is not committed otherwise
   */
  <T> T send(Request<T> request, Exchange exchange) throws SQLException {
    for (int attempt = 1; ; attempt++) {
      try {
        return sendOnce(request, exchange);
      } catch (SQLException e) {
        if (!SqlErrors.isRolledBackByRace(e) || attempt == TRIES) {
          throw e;
        }
      }
    }
  }

  private <T> T sendOnce(Request<T> request, Exchange exchange) throws SQLException {
    Connection connection = connect();
    boolean switched = switchToAutoCommit(connection);
    try {
      exchange.begin(connection);
      return request.on(connection);
    } catch (NotSentException e) {
      throw e;
    } catch (Throwable e) {
      // Whatever it is, also an error of the virtual machine: the append may be committed.
      throw AnswerLostException.unlessReported(e);
    } finally {
      exchange.release();
      giveBack(connection, switched);
      exchange.end();
    }
  }

  /**
   * Whatever mode the pool gives: the server commits the statement by itself, so a process that
   * freezes after it holds no locks.
   *
   * @return whether the connection was in the other mode
   */
  private static boolean switchToAutoCommit(Connection connection) throws NotSentException {
    try {
      boolean switched = !connection.getAutoCommit();
      if (switched) {
        connection.setAutoCommit(true);
      }
      return switched;
    } catch (SQLException | RuntimeException e) {
      giveBack(connection, false);
      throw new NotSentException(
          e instanceof SQLException failure ? failure : new SQLException(Causes.text(e), e));
    }
  }

  private Connection connect() throws NotSentException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return PooledConnections.take(dataSource);
        } catch (SQLException e) {
          if (!forOthers || !Thread.interrupted()) {
            throw new NotSentException(e);
          }
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Returns the connection to its pool. A failure of this does not change the result. */
  private static void giveBack(Connection connection, boolean switched) {
    try {
      if (switched) {
        connection.setAutoCommit(false);
      }
    } catch (Throwable e) {
      LOG.debug("The mode of a connection cannot be set back", e);
    }
    try {
      connection.close();
    } catch (Throwable e) {
      LOG.debug("Closing the connection of an append failed", e);
    }
  }

  /**
   * A request to send.
   *
   * @param <T> the response
   */
  @FunctionalInterface
  interface Request<T> {
    /** Executes one statement. */
    T on(Connection connection) throws SQLException;
  }

  /** There was no connection, so nothing was sent. */
  static final class NotSentException extends SQLTransientConnectionException {
    private static final long serialVersionUID = 1L;

    NotSentException(SQLException cause) {
      super(cause.getMessage(), cause.getSQLState(), cause);
    }

    NotSentException(String reason) {
      super(reason);
    }
  }
}
