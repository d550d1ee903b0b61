package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import dev.pgeventstore.postgres.internal.tables.Notifications.Hearing;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
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

  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
  private static final Duration LISTENING = Duration.ofMillis(500);

  /** Begins a notification that leases were given back. */
  private static final String LEASES = "leases/";

  private final Scheduler scheduler;
  private final Connections connections;
  private final Notifications notifications;
  private final HighWaterMark highWaterMark;
  private final Duration retry;

  /** Tells this store's own notifications, which it need not hear, from those of others. */
  private final String sender = UUID.randomUUID().toString();

  private final Lock lock;
  private final Condition work;
  private final Task notifier;
  private @Nullable Task listener;
  private volatile boolean closed;

  /** Something was committed since the last notification. Set and taken back under the lock. */
  private volatile boolean committed;

  /** False from the start, or since a pooler was found to stand between. */
  private volatile boolean mayListen;

  private volatile boolean hears;
  private volatile Runnable onLeases = () -> {};

  /**
   * @param retry how long to wait after a failure before it is listened again
   * @param listen whether to listen at all
   */
  public CommitSignals(
      Scheduler scheduler,
      Connections connections,
      Notifications notifications,
      HighWaterMark highWaterMark,
      Duration retry,
      boolean listen) {
    this.scheduler = scheduler;
    this.connections = connections;
    this.notifications = notifications;
    this.highWaterMark = highWaterMark;
    this.retry = retry;
    this.mayListen = listen;
    this.lock = scheduler.newLock();
    this.work = lock.newCondition();
    this.notifier = scheduler.start("eventstore-notifier", this::notifyOthers);
  }

  /** Something was committed in this process. */
  public void appended() {
    highWaterMark.appended();
    if (!committed) {
      lock.lock();
      try {
        committed = true;
        work.signal();
      } finally {
        lock.unlock();
      }
    }
  }

  /** From now on somebody reads, so commits of other processes matter. */
  public void startListening() {
    lock.lock();
    try {
      if (listener == null && mayListen && !closed) {
        listener = scheduler.start("eventstore-listener", this::listen);
      }
    } finally {
      lock.unlock();
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
    notifications.send(connection, LEASES + sender);
  }

  private void notifyOthers() {
    boolean warned = false;
    while (awaitCommit()) {
      try {
        connections.use(
            connection -> {
              notifications.send(connection, sender);
              return sender;
            });
        warned = false;
      } catch (SQLException | RuntimeException | Error e) {
        // Whatever it is: without this thread other processes would not be notified any more.
        if (!warned && !closed) {
          LOG.info(
              "Other processes were not notified and will find the events by polling: {}",
              Causes.text(e));
          warned = true;
        }
      }
      pause(SHORTEST_PAUSE_NANOS);
    }
  }

  /** Waits for a commit; false if this is closed. */
  private boolean awaitCommit() {
    lock.lock();
    try {
      while (!committed && !closed) {
        try {
          work.await();
        } catch (InterruptedException e) {
          ignore(e);
        }
      }
      // Before it is notified: what is committed meanwhile is notified again.
      committed = false;
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  private void pause(long nanos) {
    try {
      scheduler.sleep(nanos);
    } catch (InterruptedException e) {
      ignore(e);
    }
  }

  /** Closing interrupts nothing: a data source or a driver has left it behind. */
  private static void ignore(InterruptedException e) {
    LOG.debug("Interrupted", e);
  }

  private void listen() {
    boolean warned = false;
    while (!closed && mayListen) {
      try {
        Optional<Hearing> hearing = notifications.listen();
        if (hearing.isEmpty()) {
          mayListen = false;
          LOG.info(
              "A pooler stands before the database: not listening for other processes' commits,"
                  + " polling instead");
          return;
        }
        hear(hearing.get());
        warned = false;
      } catch (SQLException | RuntimeException | Error e) {
        if (!warned && !closed) {
          LOG.info(
              "Not listening for other processes' commits, polling instead: {}", Causes.text(e));
          warned = true;
        }
        pause(Durations.nanos(retry));
      }
    }
  }

  private void hear(Hearing hearing) throws SQLException {
    try (hearing) {
      hears = true;
      // What was committed before is not notified any more.
      highWaterMark.appended();
      onLeases.run();
      while (!closed) {
        hear(hearing.next(LISTENING));
      }
    } finally {
      hears = false;
    }
  }

  private void hear(List<String> payloads) {
    boolean appended = false;
    boolean leases = false;
    for (String payload : payloads) {
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
    Task listening;
    lock.lock();
    try {
      closed = true;
      work.signalAll();
      listening = listener;
    } finally {
      lock.unlock();
    }
    try {
      // The listener looks up at the end of its wait; interrupting it would break its connection.
      notifier.join(2 * LISTENING.toNanos());
      if (listening != null) {
        listening.join(2 * LISTENING.toNanos());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
