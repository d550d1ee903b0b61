package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Scheduler.Task;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the leases of all subscriptions of this store, with one statement for all of them: renews
 * its own, takes free ones, and hears which were lost. Safe for many threads.
 *
 * <p>A lease is for liveness: it says who should handle a partition. That nothing is handled twice
 * is the affair of the checkpoint's statement, which compares the tenure.
 */
final class LeaseKeeper implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseKeeper.class);

  /** Free partitions that another member ought to take are looked after soon. */
  private static final long SOON_MILLIS = 100;

  /** Where nobody tells that leases were given back. */
  private static final long UNTOLD_MILLIS = 1_000;

  /** After the end of somebody's lease, by the clock of the database. */
  private static final long AFTER_END_MILLIS = 20;

  private static final long NOTHING_TO_DO_MILLIS = TimeUnit.HOURS.toMillis(1);
  private static final long RETRY_MILLIS = 500;
  private static final long LONGEST_TELLING_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long CLOSING_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Scheduler scheduler;
  private final Connections connections;
  private final LeasesTable table;
  private final CommitSignals signals;
  private final String owner;

  /** Held while leases are being kept. */
  private final Lock keeping;

  /** Guards the following. */
  private final Lock lock;

  private final Condition woken;
  private final Set<RunningSubscription> subscriptions = new LinkedHashSet<>();

  private boolean awake;
  private boolean closed;
  private boolean warned;
  private @Nullable Task thread;

  LeaseKeeper(
      Scheduler scheduler,
      Connections connections,
      LeasesTable table,
      CommitSignals signals,
      String owner) {
    this.scheduler = scheduler;
    this.connections = connections;
    this.table = table;
    this.signals = signals;
    this.owner = owner;
    this.keeping = scheduler.newLock();
    this.lock = scheduler.newLock();
    this.woken = lock.newCondition();
    signals.onLeases(this::wake);
  }

  String owner() {
    return owner;
  }

  /** Takes leases for a subscription, now, and keeps them from now on. */
  void add(RunningSubscription subscription) throws SQLException {
    signals.startListening();
    with(subscriptions -> subscriptions.add(subscription));
    boolean kept = false;
    try {
      keepAll();
      kept = true;
    } finally {
      if (!kept) {
        remove(subscription);
      }
    }
    startOrWake();
  }

  private boolean with(Predicate<Set<RunningSubscription>> what) {
    lock.lock();
    try {
      return what.test(subscriptions);
    } finally {
      lock.unlock();
    }
  }

  private void startOrWake() {
    lock.lock();
    try {
      if (thread == null && !closed) {
        thread = scheduler.start("eventstore-leases", this::run);
      }
    } finally {
      lock.unlock();
    }
    wake();
  }

  /** Takes no leases for it any more. Those that it has are its own affair. */
  void remove(RunningSubscription subscription) {
    with(subscriptions -> subscriptions.remove(subscription));
  }

  /** Something may have changed: looks now. */
  void wake() {
    lock.lock();
    try {
      awake = true;
      woken.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    long pause = NOTHING_TO_DO_MILLIS;
    while (awaitWork(pause)) {
      try {
        pause = keepAll();
        warned = false;
      } catch (SQLException | RuntimeException | Error e) {
        // Also an error: without this thread all leases would run out, and nobody would know.
        if (!warned) {
          LOG.warn("Leases of subscriptions cannot be kept, trying again: {}", Causes.text(e));
          warned = true;
        }
        pause = RETRY_MILLIS;
      }
    }
  }

  private boolean awaitWork(long millis) {
    lock.lock();
    try {
      long remaining = TimeUnit.MILLISECONDS.toNanos(millis);
      while (!awake && !closed && remaining > 0) {
        remaining = woken.awaitNanos(remaining);
      }
      awake = false;
      return !closed;
    } catch (InterruptedException e) {
      // Closing interrupts nothing: a data source, a driver or a listener has left it behind.
      LOG.debug("The keeper of leases was interrupted", e);
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /** Keeps all leases, and says after how many milliseconds that is to be done again. */
  private long keepAll() throws SQLException {
    Map<RunningSubscription, Throwable> ended = new LinkedHashMap<>();
    long pause;
    keeping.lock();
    try {
      pause = keep(ended);
    } finally {
      keeping.unlock();
    }
    // Without the lock: listeners hear of it, and may start a subscription or close the store,
    // while
    // another thread that does so waits for the lock. They may also be waited for by a lane.
    EngineThread.run(() -> ended.forEach(RunningSubscription::failed));
    return pause;
  }

  private long keep(Map<RunningSubscription, Throwable> ended) throws SQLException {
    List<RunningSubscription> known = new ArrayList<>();
    with(known::addAll);
    if (known.isEmpty()) {
      return NOTHING_TO_DO_MILLIS;
    }
    List<Membership> memberships = known.stream().map(RunningSubscription::membership).toList();
    // Before it is sent: the time that is left was left later than this.
    long askedNanos = scheduler.nanoTime();
    Map<String, List<Leased>> leases =
        connections.use(c -> table.keep(c, owner, memberships)).stream()
            .collect(Collectors.groupingBy(lease -> lease.key().name()));
    long pause = NOTHING_TO_DO_MILLIS;
    for (RunningSubscription subscription : known) {
      if (!with(subscriptions -> subscriptions.contains(subscription))) {
        // Closed meanwhile: this may have taken again what it has given back. If it is still at its
        // last batch, its end does that: before, the batch could not be committed.
        if (subscription.hasEnded()) {
          leave(subscription.name());
        }
        continue;
      }
      List<Leased> own = leases.getOrDefault(subscription.name(), List.of());
      subscription.leases(own, askedNanos).ifPresent(cause -> ended.put(subscription, cause));
      pause = Math.min(pause, pause(own, subscription.leaseTime()));
    }
    return pause;
  }

  private long pause(List<Leased> leases, Duration time) {
    long pause = Math.max(1, time.toMillis() / 3);
    for (Leased lease : leases) {
      if (lease.stopped()) {
        continue;
      }
      if (lease.owner().filter(owner::equals).isPresent()) {
        // Its row was locked, since partitions are being arranged: it was not renewed.
        pause = lease.millisLeft() < time.toMillis() * 3 / 4 ? SOON_MILLIS : pause;
      } else if (lease.owner().isEmpty() || lease.millisLeft() <= 0) {
        pause = Math.min(pause, SOON_MILLIS);
      } else {
        pause = Math.min(pause, lease.millisLeft() + AFTER_END_MILLIS);
        pause = signals.hears() ? pause : Math.min(pause, UNTOLD_MILLIS);
      }
    }
    return pause;
  }

  /** Gives the lease of a partition back, so that others need not wait until it runs out. */
  void giveBack(Tenure tenure) {
    tell(connection -> table.giveBack(connection, tenure));
  }

  /** Gives all leases of a subscription back; this node is none of its members any more. */
  void leave(String name) {
    tell(connection -> table.leave(connection, name, owner));
  }

  /** For some time at most: a pool may have no connection to spare. */
  private void tell(Statement statement) {
    Task telling = scheduler.start("eventstore-leases-back", () -> giveBack(statement));
    if (!ended(telling)) {
      telling.interrupt();
    }
  }

  /** Waits for it, also if this thread is interrupted: a lease that is not given back runs out. */
  private boolean ended(Task telling) {
    long deadline = scheduler.nanoTime() + LONGEST_TELLING_NANOS;
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return telling.join(deadline - scheduler.nanoTime());
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void giveBack(Statement statement) {
    try {
      connections.inTransaction(
          connection -> {
            statement.on(connection);
            signals.leasesGivenBack(connection);
            return owner;
          });
    } catch (SQLException | RuntimeException e) {
      LOG.info("A lease could not be given back and will run out: {}", Causes.text(e));
    }
  }

  @Override
  public void close() {
    Task running;
    lock.lock();
    try {
      closed = true;
      woken.signalAll();
      running = thread;
    } finally {
      lock.unlock();
    }
    if (running != null && !running.isCurrent()) {
      try {
        running.join(CLOSING_NANOS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** What gives something back. */
  private interface Statement {
    void on(Connection connection) throws SQLException;
  }
}
