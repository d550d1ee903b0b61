package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Workers;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Membership;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the leases of all subscriptions of a store, with one statement for all of them: renews its
 * own, takes free ones, and learns which were lost. Safe for many threads.
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

  static final long NOTHING_TO_DO_NANOS = TimeUnit.HOURS.toNanos(1);
  private static final long NOTHING_TO_DO_MILLIS = TimeUnit.HOURS.toMillis(1);
  private static final long RETRY_MILLIS = 500;

  /** An answer takes some milliseconds, and the leases of other stores wait for it. */
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private final Scheduler scheduler;
  private final Workers workers;
  private final LeaseRounds rounds;
  private final Connections connections;
  private final LeasesTable table;
  private final CommitSignals signals;
  private final LeaseReturns returns;
  private final String owner;

  /** Held while leases are being kept. */
  private final Lock keeping;

  private volatile boolean closed;

  /** Guards the subscriptions. */
  private final Lock lock;

  private final Set<RunningSubscription> subscriptions = new LinkedHashSet<>();

  /** Of the thread of the rounds. */
  private boolean warned;

  LeaseKeeper(
      Scheduler scheduler,
      Workers workers,
      LeaseRounds rounds,
      Connections connections,
      LeasesTable table,
      CommitSignals signals,
      String owner) {
    this.scheduler = scheduler;
    this.workers = workers;
    this.rounds = rounds;
    this.connections = connections.within(PATIENCE);
    this.table = table;
    this.signals = signals;
    this.returns = new LeaseReturns(scheduler, this.connections, table, signals, owner);
    this.owner = owner;
    this.keeping = scheduler.newLock();
    this.lock = scheduler.newLock();
    signals.onLeases(this::wake);
  }

  String owner() {
    return owner;
  }

  /** Whether nothing is kept any more. */
  boolean isClosed() {
    return closed;
  }

  /** Takes leases for a subscription, now, and keeps them from now on. */
  void add(RunningSubscription subscription) throws SQLException {
    signals.startListening();
    with(subscriptions -> subscriptions.add(subscription));
    boolean kept = false;
    try {
      keepAll(Runnable::run);
      kept = true;
    } finally {
      if (!kept) {
        remove(subscription);
      }
    }
    rounds.add(this);
  }

  private boolean with(Predicate<Set<RunningSubscription>> what) {
    lock.lock();
    try {
      return what.test(subscriptions);
    } finally {
      lock.unlock();
    }
  }

  private boolean runs(String name) {
    return with(subscriptions -> subscriptions.stream().anyMatch(s -> s.name().equals(name)));
  }

  /** Takes no leases for it any more. Those that it has are its own affair. */
  void remove(RunningSubscription subscription) {
    with(subscriptions -> subscriptions.remove(subscription));
  }

  /** Something may have changed: looks now. */
  void wake() {
    rounds.wake(this);
  }

  /** Keeps all leases, in the thread of the rounds, and says when to do so again. */
  void keep() {
    long pause;
    try {
      // A listener that hangs must not hold up the leases of others.
      pause = keepAll(workers);
      warned = false;
    } catch (Throwable e) {
      // Also an error: without the thread all leases would expire, and no error would say so.
      if (!warned) {
        LOG.warn("Leases of subscriptions cannot be kept, trying again: {}", Causes.text(e));
        warned = true;
      }
      pause = RETRY_MILLIS;
    }
    rounds.again(this, TimeUnit.MILLISECONDS.toNanos(pause));
  }

  /**
   * Keeps all leases.
   *
   * @param telling who tells listeners what has ended
   * @return after how many milliseconds that is to be done again
   */
  private long keepAll(Executor telling) throws SQLException {
    Map<RunningSubscription, Throwable> ended = new LinkedHashMap<>();
    long pause;
    keeping.lock();
    try {
      pause = closed ? NOTHING_TO_DO_MILLIS : keep(ended);
    } finally {
      keeping.unlock();
    }
    // Without the lock: listeners may start a subscription or close the store while another thread
    // that does so waits for the lock. They may also be waited for by a lane.
    ended.forEach(
        (subscription, cause) ->
            telling.execute(() -> EngineThread.run(() -> subscription.failed(cause))));
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
        ask(memberships).stream().collect(Collectors.groupingBy(lease -> lease.key().name()));
    long pause = NOTHING_TO_DO_MILLIS;
    for (RunningSubscription subscription : known) {
      if (!with(subscriptions -> subscriptions.contains(subscription))) {
        // Closed meanwhile: this may have taken again what it has given back. If it is still at its
        // last batch, its end does that: before, the batch could not be committed. If it was
        // started
        // again, the lease belongs to the new one.
        if (subscription.hasEnded() && !runs(subscription.name())) {
          leave(List.of(subscription.name()));
        }
        continue;
      }
      List<Leased> own = leases.getOrDefault(subscription.name(), List.of());
      subscription.leases(own, askedNanos).ifPresent(cause -> ended.put(subscription, cause));
      pause = Math.min(pause, pause(own, subscription.leaseTime()));
    }
    return pause;
  }

  private List<Leased> ask(List<Membership> memberships) throws SQLException {
    return connections.use(connection -> table.keep(connection, owner, memberships));
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

  /** Gives the lease of a partition back, so that others need not wait until it expires. */
  void giveBack(Tenure tenure) {
    returns.giveBack(tenure);
  }

  /** Gives all leases of subscriptions back; this node is none of their members any more. */
  void leave(List<String> names) {
    returns.leave(names);
  }

  /**
   * Keeps nothing from now on. Waits for the statement that is under way, for some time at most.
   */
  @Override
  public void close() {
    closed = true;
    rounds.remove(this);
    boolean interrupted = Thread.interrupted();
    try {
      if (keeping.tryLock(PATIENCE.toNanos(), TimeUnit.NANOSECONDS)) {
        keeping.unlock();
      }
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
