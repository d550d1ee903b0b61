package dev.pgeventstore.postgres.internal.append;

import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.postgresql.jdbc.PgConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The exchange in progress between a sending thread and the database, which another thread can end.
 * Reused for each connection that the sending thread takes.
 */
final class Exchange {

  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

  private static final Exchange WITHOUT_LIMIT = new Exchange(null);

  private final @Nullable AnswerWatch watch;
  private @Nullable Connection connection;
  private boolean sent;
  private boolean givenUp;

  private Exchange(@Nullable AnswerWatch watch) {
    this.watch = watch;
  }

  /** Creates an exchange without a time limit, which no other thread ends. */
  static Exchange withoutLimit() {
    return WITHOUT_LIMIT;
  }

  /** Creates an exchange that is given up if its response takes too long. */
  static Exchange watchedBy(AnswerWatch watch) {
    return new Exchange(watch);
  }

  /** The exchange has a connection. From now on something may have been sent. */
  void begin(Connection with) throws SQLException {
    if (watch == null) {
      return;
    }
    watch.lock().lock();
    try {
      if (givenUp) {
        throw new Sender.NotSentException("the wait for a connection was given up");
      }
      // The driver's connection, because a second thread must not use the pool's wrapper.
      connection = with.isWrapperFor(PgConnection.class) ? with.unwrap(PgConnection.class) : with;
      sent = true;
    } finally {
      watch.lock().unlock();
    }
    watch.began(this);
  }

  /**
   * The connection is about to go back to its pool. From now on it must not be closed: it may
   * already belong to another thread.
   */
  void release() {
    if (watch != null) {
      watch.lock().lock();
      try {
        connection = null;
      } finally {
        watch.lock().unlock();
      }
    }
  }

  /** The connection is back in its pool. */
  void end() {
    if (watch != null) {
      watch.ended(this);
    }
  }

  /**
   * Closes the connection while the sending thread waits for its response, and prevents it from
   * sending more.
   *
   * @return whether something may have been sent
   */
  boolean giveUp(AnswerWatch by) {
    by.lock().lock();
    try {
      givenUp = true;
      Connection left = connection;
      connection = null;
      if (left != null) {
        // In a separate thread, because closing an encrypted connection waits for a thread that
        // writes to it.
        left.abort(by::startAborting);
      }
    } catch (SQLException e) {
      LOG.debug("The connection of an append that was given up cannot be closed", e);
    } finally {
      by.lock().unlock();
    }
    return sent;
  }
}
