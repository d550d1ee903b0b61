package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.kafka.consumer.InboxResult;
import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.consumer.RelayedHandler;
import dev.pgeventstore.kafka.internal.consumer.TryFailedException.Stage;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A transaction of an inbox of its own, which knows how far it has come. For one thread. */
public final class InboxTry {

  private static final Logger LOG = LoggerFactory.getLogger(InboxTry.class);

  private static final int PATIENCE_SECONDS = 5;

  private final Inbox inbox;
  private final Attempt attempt;
  private Stage stage = Stage.BEFORE;

  public InboxTry(Inbox inbox, Attempt attempt) {
    this.inbox = inbox;
    this.attempt = attempt;
  }

  /** Handles what is new of some records, and commits. */
  public InboxResult on(
      DataSource dataSource, List<ConsumerRecord<byte[], byte[]>> records, RelayedHandler handler)
      throws TryFailedException {
    Connection connection;
    boolean autoCommit;
    try {
      connection = dataSource.getConnection();
    } catch (Exception | Error e) {
      throw new TryFailedException(stage, e, false);
    }
    try {
      autoCommit = connection.getAutoCommit();
      connection.setAutoCommit(false);
    } catch (Exception | Error e) {
      close(connection);
      throw new TryFailedException(stage, e, false);
    }
    InboxResult result;
    try {
      result = inbox.handle(connection, records, handler, attempt, reached -> stage = reached);
      stage = Stage.COMMIT;
      connection.commit();
    } catch (Exception | Error e) {
      boolean lived = SqlFailure.of(e) == SqlFailure.LOST && isAlive(connection);
      Throwable told = e;
      if (isUndone(connection, e)) {
        told = e instanceof MarkHeldException held ? named(held, connection) : e;
        giveBack(connection, autoCommit);
      } else {
        cut(connection);
      }
      throw new TryFailedException(stage, told, lived);
    }
    giveBack(connection, autoCommit);
    return result;
  }

  private static boolean isAlive(Connection connection) {
    try {
      return connection.isValid(PATIENCE_SECONDS);
    } catch (SQLException | RuntimeException e) {
      return false;
    }
  }

  private static boolean isUndone(Connection connection, Throwable cause) {
    try {
      if (!connection.isClosed() && !connection.getAutoCommit()) {
        connection.rollback();
      }
      return true;
    } catch (SQLException | RuntimeException e) {
      cause.addSuppressed(e);
      return false;
    }
  }

  /** Switching auto-commit on would commit what could not be rolled back. */
  private static void cut(Connection connection) {
    try {
      connection.abort(Runnable::run);
    } catch (SQLException | RuntimeException e) {
      LOG.debug("A connection cannot be cut", e);
    }
    close(connection);
  }

  /** The same with its holder; what the database said, if there was no holder to wait for. */
  private Throwable named(MarkHeldException held, Connection connection) {
    try {
      SQLException cause = SqlFailure.in(held).orElseThrow();
      Optional<Blocker> holder = new MarkHolderQuery(inbox.table()).of(connection, held.sequence());
      return holder.isEmpty() && !MarksTable.isLockTimeout(cause)
          ? cause
          : new MarkHeldException(held.sequence(), holder, cause);
    } catch (SQLException | RuntimeException e) {
      LOG.debug("It cannot be told who has locked the mark of {}", held.sequence(), e);
      return held;
    }
  }

  /** What was committed stays so, whether or not the connection can be used by others after it. */
  private static void giveBack(Connection connection, boolean autoCommit) {
    try {
      if (!connection.isClosed()) {
        connection.setAutoCommit(autoCommit);
      }
    } catch (SQLException | RuntimeException e) {
      LOG.debug("A connection's auto-commit cannot be set back", e);
    }
    close(connection);
  }

  private static void close(Connection connection) {
    try {
      connection.close();
    } catch (SQLException | RuntimeException e) {
      LOG.debug("A connection cannot be given back", e);
    }
  }
}
