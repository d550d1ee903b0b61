package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import dev.pgeventstore.postgres.internal.tables.Notifications.Hearing;
import dev.pgeventstore.postgres.internal.tables.Notifications.Notification;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for what other processes commit, for all stores of an engine that read: in one thread, on
 * one connection, which is held while there is such a store. Safe for many threads.
 */
final class Listener {

  private static final Logger LOG = LoggerFactory.getLogger(Listener.class);

  /**
   * How soon it is listened for a store that comes while the listener waits; it polls until then.
   * As soon it ends when it is closed: interrupting it would break its connection.
   */
  private static final Duration LISTENING = Duration.ofMillis(500);

  private final Notifications notifications;
  private final long retry;
  private final Background thread;
  private final Lock lock;

  /** Guarded by the lock. */
  private final Set<CommitSignals> stores = new LinkedHashSet<>();

  /** False from the start, or since a pooler was found to stand between. */
  private boolean mayListen;

  /**
   * @param retry how long to wait after a failure before it is listened again
   * @param listen whether to listen at all
   */
  Listener(Scheduler scheduler, Notifications notifications, Duration retry, boolean listen) {
    this.notifications = notifications;
    this.retry = Durations.nanos(retry);
    this.mayListen = listen;
    this.thread = new Background(scheduler, "eventstore-listener", this::run);
    this.lock = thread.lock();
  }

  /** To be closed. */
  Background thread() {
    return thread;
  }

  /** From now on a store reads. */
  void add(CommitSignals store) {
    lock.lock();
    try {
      if (mayListen && !store.isClosed() && stores.add(store)) {
        thread.start();
        thread.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  void remove(CommitSignals store) {
    lock.lock();
    try {
      stores.remove(store);
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    boolean warned = false;
    while (awaitStores()) {
      try {
        Optional<Hearing> hearing = notifications.listen();
        if (hearing.isEmpty()) {
          LOG.info(
              "A pooler stands before the database: not listening for other processes' commits,"
                  + " polling instead");
          listenNoMore();
          return;
        }
        hear(hearing.get());
        warned = false;
      } catch (Throwable e) {
        if (!warned && !isClosed()) {
          LOG.info(
              "Not listening for other processes' commits, polling instead: {}", Causes.text(e));
          warned = true;
        }
        thread.pause(retry);
      }
    }
  }

  /** Waits until a store reads; false if this is closed. */
  private boolean awaitStores() {
    lock.lock();
    try {
      while (stores.isEmpty() && !thread.isClosed()) {
        thread.await(Long.MAX_VALUE);
      }
      return !thread.isClosed();
    } finally {
      lock.unlock();
    }
  }

  /** As long as a store reads. */
  private void hear(Hearing hearing) throws SQLException {
    Set<CommitSignals> heard = Set.of();
    try (hearing) {
      for (Set<CommitSignals> now = stores(); !now.isEmpty(); now = stores()) {
        hearing.to(
            now.stream()
                .map(CommitSignals::channel)
                .collect(Collectors.toCollection(LinkedHashSet::new)));
        heard = now;
        heard.forEach(store -> store.setHears(true));
        deliver(hearing.next(LISTENING), heard);
      }
    } finally {
      heard.forEach(store -> store.setHears(false));
    }
  }

  private static void deliver(List<Notification> came, Set<CommitSignals> stores) {
    for (Notification notification : came) {
      for (CommitSignals store : stores) {
        if (store.channel().equals(notification.channel())) {
          store.heard(notification.payload());
        }
      }
    }
  }

  /** Those that read; none if this is closed. */
  private Set<CommitSignals> stores() {
    lock.lock();
    try {
      return thread.isClosed() ? Set.of() : new LinkedHashSet<>(stores);
    } finally {
      lock.unlock();
    }
  }

  private void listenNoMore() {
    lock.lock();
    try {
      mayListen = false;
      stores.clear();
    } finally {
      lock.unlock();
    }
  }

  private boolean isClosed() {
    lock.lock();
    try {
      return thread.isClosed();
    } finally {
      lock.unlock();
    }
  }
}
