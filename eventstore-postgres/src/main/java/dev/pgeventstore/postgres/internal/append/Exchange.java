package dev.pgeventstore.postgres.internal.append;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.postgresql.jdbc.PgConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is under way between a sending thread and the database, so that another thread can end it.
 * Used again for each connection that the sending thread takes.
 */
final class Exchange {

  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

  private final Consumer<Exchange> began;
  private final Consumer<Exchange> ended;
  private @Nullable Connection connection;
  private boolean sent;
  private boolean givenUp;

  private Exchange(Consumer<Exchange> began, Consumer<Exchange> ended) {
    this.began = began;
    this.ended = ended;
  }

  /** One that may take as long as it takes. */
  static Exchange withoutLimit() {
    return new Exchange(exchange -> {}, exchange -> {});
  }

  /** One that is given up when its answer takes too long. */
  static Exchange watchedBy(AnswerWatch watch) {
    return new Exchange(watch::began, watch::ended);
  }

  /** There is a connection: from now on something may have been sent. */
  void begin(Connection with) throws SQLException {
    synchronized (this) {
      if (givenUp) {
        throw new Sender.NotSentException("the wait for a connection was given up");
      }
      // That of the driver, since a pool's own may not be touched by a second thread.
      connection = with.isWrapperFor(PgConnection.class) ? with.unwrap(PgConnection.class) : with;
      sent = true;
    }
    began.accept(this);
  }

  /** The connection goes back to its pool, which may still take time, but belongs to others now. */
  synchronized void release() {
    connection = null;
  }

  /** The connection is back. */
  void end() {
    ended.accept(this);
  }

  /**
   * Closes the connection under the thread that waits for its answer, and lets it send nothing
   * more.
   *
   * @return whether something may have been sent
   */
  synchronized boolean giveUp() {
    givenUp = true;
    Connection left = connection;
    connection = null;
    if (left != null) {
      try {
        // In a thread of its own: closing an encrypted connection waits for one who writes to it.
        left.abort(work -> Threads.daemon(work, "eventstore-abort").start());
      } catch (SQLException e) {
        LOG.debug("The connection of an append that was given up cannot be closed", e);
      }
    }
    return sent;
  }
}
