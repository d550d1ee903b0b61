package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import dev.pgeventstore.postgres.internal.tables.Notifications.Notification;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notifies other processes of the commits of all stores of an engine, in one thread and one
 * statement at most every few milliseconds. Safe for many threads.
 */
final class Notifier {

  private static final Logger LOG = LoggerFactory.getLogger(Notifier.class);

  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final Connections connections;
  private final Notifications notifications;

  private final Background thread;
  private final Lock lock;
  private final Set<CommitSignals> committed = new LinkedHashSet<>();

  Notifier(Scheduler scheduler, Connections connections, Notifications notifications) {
    this.connections = connections;
    this.notifications = notifications;
    this.thread = new Background(scheduler, "eventstore-notifier", this::run);
    this.lock = thread.lock();
  }

  /** To be closed. */
  Background thread() {
    return thread;
  }

  /** A store has committed something. */
  void committed(CommitSignals by) {
    lock.lock();
    try {
      by.setCommitted(true);
      committed.add(by);
      thread.start();
      thread.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Notifies in the transaction of a connection. */
  void send(Connection connection, Notification notification) throws SQLException {
    notifications.send(connection, List.of(notification));
  }

  private void run() {
    boolean warned = false;
    for (List<Notification> due = await(); !due.isEmpty(); due = await()) {
      List<Notification> sent = due;
      try {
        connections.use(
            connection -> {
              notifications.send(connection, sent);
              return sent;
            });
        warned = false;
      } catch (Throwable e) {
        // Whatever it is: without this thread other processes would not be notified any more.
        if (!warned) {
          LOG.info(
              "Other processes were not notified and will find the events by polling: {}",
              Causes.text(e));
          warned = true;
        }
      }
      thread.pause(SHORTEST_PAUSE_NANOS);
    }
  }

  /** Waits for commits; nothing if this is closed. */
  private List<Notification> await() {
    lock.lock();
    try {
      while (committed.isEmpty() && !thread.isClosed()) {
        thread.await(Long.MAX_VALUE);
      }
      // Before it is notified: what is committed meanwhile is notified again.
      committed.forEach(by -> by.setCommitted(false));
      List<Notification> due =
          thread.isClosed()
              ? List.of()
              : committed.stream().map(CommitSignals::notification).toList();
      committed.clear();
      return due;
    } finally {
      lock.unlock();
    }
  }
}
