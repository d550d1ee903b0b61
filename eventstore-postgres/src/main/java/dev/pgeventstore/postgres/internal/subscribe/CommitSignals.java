package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells readers of commits: those of this process at once, those of others through NOTIFY. Leases
 * that were given back are told to others the same way.
 *
 * <p>The notification is sent outside the append's transaction, because one inside would make all
 * commits of the server queue for a lock, and at most once in a few milliseconds. Losing one costs
 * a poll interval, never an event.
 */
public final class CommitSignals implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(CommitSignals.class);

  private static final long SHORTEST_PAUSE_MILLIS = 5;
  private static final int LISTEN_MILLIS = 500;

  /** Begins a notification that leases were given back. */
  private static final String LEASES = "leases/";

  private final DataSource dataSource;
  private final Connections connections;
  private final HighWaterMark highWaterMark;
  private final String channel;
  private final long retryMillis;
  private final boolean throughPoolers;

  /** Tells this store's own notifications, which it need not hear, from those of others. */
  private final String sender = UUID.randomUUID().toString();

  private final Semaphore committed = new Semaphore(0);
  private final Thread notifier = daemon(this::notifyOthers, "eventstore-notifier");
  private final Thread listener = daemon(this::listen, "eventstore-listener");
  private volatile boolean closed;

  /** False from the start, or since a pooler was found to stand between. */
  private volatile boolean mayListen;

  private boolean listening;
  private volatile boolean hears;
  private volatile Runnable onLeases = () -> {};

  public CommitSignals(
      DataSource dataSource,
      HighWaterMark highWaterMark,
      Schema schema,
      Duration retry,
      boolean listen,
      boolean throughPoolers) {
    this.dataSource = dataSource;
    this.connections = new Connections(dataSource);
    this.highWaterMark = highWaterMark;
    this.channel = schema.channel();
    this.retryMillis = Math.max(1, retry.toMillis());
    this.mayListen = listen;
    this.throughPoolers = throughPoolers;
    notifier.start();
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  /** Something was committed in this process. */
  public void appended() {
    highWaterMark.appended();
    if (committed.availablePermits() == 0) {
      committed.release();
    }
  }

  /** From now on somebody reads, so commits of other processes matter. */
  public synchronized void startListening() {
    if (!listening && mayListen && !closed) {
      listening = true;
      listener.start();
    }
  }

  /** What to do when another process has given leases back. */
  void onLeases(Runnable what) {
    onLeases = what;
  }

  /** Whether notifications of other processes are heard now. */
  boolean hears() {
    return hears;
  }

  /** Leases were given back: others need not wait until they look again. */
  void leasesGivenBack(Connection connection) throws SQLException {
    ServerFunctions.notify(connection, channel, LEASES + sender);
  }

  private void notifyOthers() {
    boolean warned = false;
    while (!closed) {
      try {
        committed.acquire();
        committed.drainPermits();
        connections.use(
            connection -> {
              ServerFunctions.notify(connection, channel, sender);
              return channel;
            });
        warned = false;
        TimeUnit.MILLISECONDS.sleep(SHORTEST_PAUSE_MILLIS);
      } catch (SQLException e) {
        if (!warned && !closed) {
          LOG.info(
              "Other processes were not notified and will find the events by polling: {}",
              e.toString());
          warned = true;
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void listen() {
    boolean warned = false;
    while (!closed && mayListen) {
      try (Connection connection = dataSource.getConnection()) {
        listen(connection);
        warned = false;
      } catch (SQLException e) {
        if (!warned && !closed) {
          LOG.info("Not listening for other processes' commits, polling instead: {}", e.toString());
          warned = true;
        }
        try {
          TimeUnit.MILLISECONDS.sleep(retryMillis);
        } catch (InterruptedException interrupted) {
          return;
        }
      }
    }
  }

  private void listen(Connection connection) throws SQLException {
    PGConnection postgres = connection.unwrap(PGConnection.class);
    boolean autoCommit = connection.getAutoCommit();
    connection.setAutoCommit(true);
    try (Statement statement = connection.createStatement()) {
      if (!throughPoolers && !isDirect(statement, postgres)) {
        mayListen = false;
        LOG.info(
            "A pooler stands before the database: not listening for other processes' commits,"
                + " polling instead");
        return;
      }
      statement.execute("listen \"" + channel + '"');
      hears = true;
      // What was committed before is not notified any more.
      highWaterMark.appended();
      onLeases.run();
      while (!closed) {
        PGNotification[] notifications = postgres.getNotifications(LISTEN_MILLIS);
        if (notifications != null) {
          hear(notifications);
        }
      }
      statement.execute("unlisten \"" + channel + '"');
    } finally {
      hears = false;
      if (!connection.isClosed()) {
        connection.setAutoCommit(autoCommit);
      }
    }
  }

  /** A pooler gives its clients process numbers of its own making: they are for cancelling. */
  private static boolean isDirect(Statement statement, PGConnection connection)
      throws SQLException {
    try (ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getInt(1) == connection.getBackendPID();
    }
  }

  private void hear(PGNotification[] notifications) {
    boolean appended = false;
    boolean leases = false;
    for (PGNotification notification : notifications) {
      String payload = notification.getParameter();
      if (!payload.endsWith(sender)) {
        leases |= payload.startsWith(LEASES);
        appended |= !payload.startsWith(LEASES);
      }
    }
    if (appended) {
      highWaterMark.appended();
    }
    if (leases) {
      onLeases.run();
    }
  }

  @Override
  public void close() {
    closed = true;
    committed.release();
    for (Thread thread : new Thread[] {notifier, listener}) {
      try {
        // The listener looks up at the end of its wait; interrupting it would break its connection.
        thread.join(2L * LISTEN_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
