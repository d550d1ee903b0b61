package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.postgres.internal.tables.AnswerLostException;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends appends in transactions of the store's own. */
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
   * Sends over connections of a data source.
   *
   * @param forOthers whether the thread that sends does so for others too: then an interrupt does
   *     not keep it from getting a connection, and is kept for afterwards
   */
  Sender(DataSource dataSource, boolean forOthers) {
    this.dataSource = dataSource;
    this.forOthers = forOthers;
  }

  /** Does it, however long the response takes. */
  <T> T send(Request<T> request) throws SQLException {
    return send(request, Exchange.withoutLimit());
  }

  /**
   * Does it in one transaction, and once more in another if a race has undone it.
   *
   * @param exchange registers each connection, and may end it
   * @throws NotSentException if there is no connection
   * @throws SQLException if it failed; it may be committed if the state is that of a lost
   *     connection, and is not otherwise
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
    try {
      exchange.begin(connection);
      return inTransaction(connection, request);
    } catch (NotSentException e) {
      throw e;
    } catch (SQLException | RuntimeException | LinkageError e) {
      throw AnswerLostException.unlessReported(e);
    } finally {
      exchange.release();
      giveBack(connection);
      exchange.end();
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

  private static <T> T inTransaction(Connection connection, Request<T> request)
      throws SQLException {
    if (connection.getAutoCommit()) {
      return request.on(connection);
    }
    try {
      T answer = request.on(connection);
      connection.commit();
      return answer;
    } catch (Throwable e) {
      undo(connection, e);
      throw e;
    }
  }

  /** The first failure says whether the append may be committed, and must not be hidden. */
  private static void undo(Connection connection, Throwable cause) {
    try {
      if (!connection.isClosed()) {
        connection.rollback();
      }
    } catch (SQLException | RuntimeException | LinkageError e) {
      cause.addSuppressed(e);
    }
  }

  /** The result is final, whether or not the pool takes the connection back. */
  private static void giveBack(Connection connection) {
    try {
      connection.close();
    } catch (SQLException | RuntimeException | LinkageError e) {
      LOG.debug("Closing the connection of an append failed", e);
    }
  }

  /**
   * What is sent.
   *
   * @param <T> the response
   */
  @FunctionalInterface
  interface Request<T> {
    /** One statement. */
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
