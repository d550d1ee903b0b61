package dev.pgeventstore.testkit;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.projection.ProjectionVersion;
import dev.pgeventstore.projection.VersionDroppedException;
import dev.pgeventstore.spi.ProjectionRegistry;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Lock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The versions of projections, and which are live. Safe for many threads. */
final class InMemoryProjections implements ProjectionRegistry {

  private static final Logger LOG = LoggerFactory.getLogger(InMemoryProjections.class);

  /** The longest time for which a promotion stops the live version. */
  private static final long LONGEST_HOLD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final String BORROWER = "the definition of a projection";

  private final InMemoryLog log;
  private final InMemorySubscriptions subscriptions;
  private final HandlerTransactions transactions;
  private final Monitor monitor;

  /** Held while a version is created, shown or dropped. Each of these calls a definition. */
  private final Lock changing = Scheduler.threads().newLock();

  // Guarded by the monitor.

  private final Set<ProjectionVersion> versions = new HashSet<>();
  private final Map<ProjectionVersion, Instant> dropped = new HashMap<>();
  private final Map<String, Integer> live = new HashMap<>();
  private final Map<String, Integer> highest = new HashMap<>();

  InMemoryProjections(
      InMemoryLog log,
      InMemorySubscriptions subscriptions,
      HandlerTransactions transactions,
      Monitor monitor) {
    this.log = log;
    this.subscriptions = subscriptions;
    this.transactions = transactions;
    this.monitor = monitor;
  }

  @Override
  public boolean register(ProjectionVersion version, Step create) {
    changing.lock();
    try {
      if (isRegistered(version)) {
        return false;
      }
      Optional<Instant> droppedAt = monitor.read(() -> Optional.ofNullable(dropped.get(version)));
      if (droppedAt.isPresent() || version.version() <= highest(version)) {
        throw new VersionDroppedException(version, droppedAt);
      }
      subscriptions.remove(version.subscription());
      run(create, version + " cannot be created");
      monitor.change(() -> versions.add(version));
      return true;
    } finally {
      changing.unlock();
    }
  }

  private boolean isRegistered(ProjectionVersion version) {
    return monitor.read(() -> versions.contains(version));
  }

  private int highest(ProjectionVersion version) {
    return monitor.read(() -> highest.getOrDefault(version.name(), 0));
  }

  @Override
  public boolean isRegistered(ProjectionVersion version, Connection connection) {
    return isRegistered(version);
  }

  @Override
  public OptionalInt liveVersion(String name) {
    Integer number = monitor.read(() -> live.getOrDefault(name, 0));
    return number == 0 ? OptionalInt.empty() : OptionalInt.of(number);
  }

  @Override
  public OptionalInt liveVersion(String name, Connection connection) {
    return liveVersion(name);
  }

  @Override
  public Position position(ProjectionVersion version) {
    return subscriptions.position(version.subscription());
  }

  @Override
  public boolean promote(ProjectionVersion version, Duration timeout, Step show)
      throws TimeoutException, InterruptedException {
    return promote(version, timeout, show, true);
  }

  @Override
  public boolean makeLive(ProjectionVersion version, Duration timeout, Step show)
      throws TimeoutException, InterruptedException {
    return promote(version, timeout, show, false);
  }

  private boolean promote(ProjectionVersion version, Duration timeout, Step show, boolean upwards)
      throws TimeoutException, InterruptedException {
    long deadline = Scheduler.threads().nanoTime() + Durations.nanos(timeout);
    OptionalInt before = liveVersion(version.name());
    if (isDone(version, upwards)) {
      return false;
    }
    long mark = log.highWaterMark().value();
    while (true) {
      long left = Math.max(0, deadline - Scheduler.threads().nanoTime());
      if (awaitReached(version, mark, left)) {
        changing.lock();
        try {
          if (isDone(version, upwards)) {
            return false;
          }
          if (!upwards && !liveVersion(version.name()).equals(before)) {
            throw new IllegalStateException(
                "another version of projection %s was made live meanwhile, so %s was not"
                    .formatted(version.name(), version));
          }
          if (show(version, mark, Math.min(left, LONGEST_HOLD_NANOS), show)) {
            return true;
          }
        } finally {
          changing.unlock();
        }
      }
      if (Scheduler.threads().nanoTime() - deadline >= 0) {
        throw new TimeoutException(
            "%s has come to position %s of %s in %s; %s"
                .formatted(
                    version,
                    position(version),
                    log.highWaterMark(),
                    timeout,
                    before.isPresent()
                        ? "version %d stays live".formatted(before.getAsInt())
                        : "none is live"));
      }
    }
  }

  /** Whether there is nothing to do. Logs a warning if the caller may not expect that. */
  private boolean isDone(ProjectionVersion version, boolean upwards) {
    OptionalInt shown = liveVersion(version.name());
    if (shown.isPresent() && shown.getAsInt() == version.version()) {
      return true;
    }
    if (upwards && version.version() <= highest(version)) {
      LOG.warn(
          "{} is not promoted: this version, or a newer one, was live before. To make it live nevertheless, call makeLive",
          version);
      return true;
    }
    return false;
  }

  /**
   * Waits until this version has reached the live one, which is stopped meanwhile; then shows this
   * one.
   */
  private boolean show(ProjectionVersion version, long mark, long nanos, Step show)
      throws InterruptedException {
    Optional<SubscriptionState> shown = monitor.read(() -> shown(version.name()));
    shown.ifPresent(state -> state.moving.lock());
    try {
      long furthest =
          monitor.read(() -> shown.map(SubscriptionState::furthest).orElse(Position.START.value()));
      if (!awaitReached(version, Math.max(mark, furthest), nanos)) {
        return false;
      }
      run(show, version + " cannot be promoted");
      monitor.change(
          () -> {
            live.put(version.name(), version.version());
            highest.merge(version.name(), version.version(), Math::max);
          });
      return true;
    } finally {
      shown.ifPresent(state -> state.moving.unlock());
    }
  }

  /** The subscription of the live version. */
  private Optional<SubscriptionState> shown(String name) {
    OptionalInt number = liveVersion(name);
    return number.isPresent()
        ? subscriptions.state(new ProjectionVersion(name, number.getAsInt()).subscription())
        : Optional.empty();
  }

  private boolean awaitReached(ProjectionVersion version, long target, long nanos)
      throws InterruptedException {
    return monitor.await(
        () -> {
          requirePromotable(version);
          return position(version).value() >= target;
        },
        nanos);
  }

  private void requirePromotable(ProjectionVersion version) {
    if (!versions.contains(version)) {
      throw new IllegalStateException("there is no " + version + ": it was dropped");
    }
    subscriptions.state(version.subscription()).ifPresent(state -> requireWell(version, state));
  }

  private static void requireWell(ProjectionVersion version, SubscriptionState state) {
    if (state.failure != null) {
      throw new IllegalStateException(
          "%s has stopped at position %s: %s"
              .formatted(version, state.position(), Failures.describe(state.failure)));
    }
    int parked = state.parked.all().size();
    if (parked > 0) {
      throw new IllegalStateException(
          "%s has parked %d %s: replay or discard %s first"
              .formatted(
                  version, parked, parked == 1 ? "event" : "events", parked == 1 ? "it" : "them"));
    }
  }

  @Override
  public boolean drop(ProjectionVersion version, Step drop) {
    changing.lock();
    try {
      if (!isRegistered(version)) {
        if (monitor.read(() -> dropped.containsKey(version))) {
          subscriptions.remove(version.subscription());
        }
        return false;
      }
      if (liveVersion(version.name()).equals(OptionalInt.of(version.version()))) {
        throw new IllegalStateException(
            "%s is the live one: promote another, then drop it".formatted(version));
      }
      run(drop, version + " cannot be dropped");
      monitor.change(
          () -> {
            versions.remove(version);
            dropped.put(version, log.now());
          });
      subscriptions.remove(version.subscription());
      return true;
    } finally {
      changing.unlock();
    }
  }

  /** Runs a step of a definition. */
  private void run(Step step, String failure) {
    try {
      // A subscription may wait for a lock that this thread holds.
      transactions.commit(BORROWER, connection -> EngineThread.run(() -> step.in(connection)));
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EventStoreException(failure + ": " + e.getMessage(), e);
    }
  }

  @Override
  public <T> T tentatively(Work<T> work) {
    try {
      return transactions.rollBack(BORROWER, work);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EventStoreException("the projection on demand failed: " + e.getMessage(), e);
    }
  }
}
