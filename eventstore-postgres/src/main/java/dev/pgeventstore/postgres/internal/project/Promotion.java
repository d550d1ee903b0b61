package dev.pgeventstore.postgres.internal.project;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.ProjectionsTable;
import dev.pgeventstore.postgres.internal.tables.ProjectionsTable.Standing;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable.Reached;
import dev.pgeventstore.projection.ProjectionVersion;
import dev.pgeventstore.spi.ProjectionRegistry.Step;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a version the live one. First it waits, without any lock, until the version is close to the
 * live one. Then one transaction stops the live version, waits until the new one has caught up, and
 * makes it live.
 */
final class Promotion {

  private static final Logger LOG = LoggerFactory.getLogger(Promotion.class);

  /** Short, because all readers of the view queue behind a transaction that waits for its lock. */
  private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(1);

  /** The version is close if it reaches the live one's position within this time. */
  private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long LOOK_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  // The live version is stopped for a short time only, because its readers get no new events
  // meanwhile.
  private static final long FIRST_HOLD_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long LONGEST_HOLD_NANOS = TimeUnit.SECONDS.toNanos(8);

  /** After a stop, the live version runs for at least so many times as long as it was stopped. */
  private static final int FREE_FOR_HELD = 2;

  private final Connections connections;
  private final ProjectionsTable table;
  private final SubscriptionsTable subscriptions;
  private final ParkedTable parked;
  private final ProjectionVersion version;
  private final boolean upwards;
  private final Supplier<Position> highWaterMark;
  private final Step show;
  private final Duration timeout;
  private final long giveUp;

  /** The live version, which is to be replaced. */
  private OptionalInt live = OptionalInt.empty();

  /** The position that must be reached in any case, because a live version may be stuck. */
  private long mark;

  /**
   * Prepares a promotion.
   *
   * @param upwards whether to do nothing if the version, or a newer one, was ever live
   */
  Promotion(
      Connections connections,
      ProjectionsTable table,
      SubscriptionsTable subscriptions,
      ParkedTable parked,
      ProjectionVersion version,
      boolean upwards,
      Supplier<Position> highWaterMark,
      Step show,
      Duration timeout) {
    this.connections = connections;
    this.table = table;
    this.subscriptions = subscriptions;
    this.parked = parked;
    this.version = version;
    this.upwards = upwards;
    this.highWaterMark = highWaterMark;
    this.show = show;
    this.timeout = timeout;
    this.giveUp = System.nanoTime() + Durations.nanos(timeout);
  }

  /** Promotes the version; returns false if there is nothing to do. */
  boolean run() throws SQLException, TimeoutException, InterruptedException {
    Standing standing = connections.use(c -> table.standing(c, version.name()));
    if (isDone(standing)) {
      return false;
    }
    live = standing.live();
    mark = highWaterMark.get().value();
    long hold = FIRST_HOLD_NANOS;
    while (true) {
      approach();
      long started = System.nanoTime();
      // At least one attempt is made, even if no time is left.
      long untilNanos = started + Math.max(0, Math.min(hold, giveUp - started));
      Outcome outcome = change(untilNanos);
      switch (outcome) {
        case PROMOTED -> {
          return true;
        }
        case NOTHING_TO_DO -> {
          return false;
        }
        case TOO_FAR_BEHIND -> hold = Math.min(2 * hold, LONGEST_HOLD_NANOS);
        case HELD_UP, ANOTHER_IS_LIVE -> {}
      }
      if (hasTimedOut()) {
        throw timedOut(
            outcome == Outcome.HELD_UP
                ? "other transactions hold locks that its promotion needs"
                : "it did not come to where the live one was held");
      }
      // Readers and the live version must continue for some time before the next attempt stops
      // them.
      long held = System.nanoTime() - started;
      long pause = Math.max(LOOK_AGAIN_NANOS, FREE_FOR_HELD * held);
      TimeUnit.NANOSECONDS.sleep(Math.max(0, Math.min(pause, giveUp - System.nanoTime())));
    }
  }

  /** Whether there is nothing to do. Logs a warning if the caller may not expect that. */
  private boolean isDone(Standing standing) {
    if (standing.shows(version)) {
      return true;
    }
    if (upwards && version.version() <= standing.highest()) {
      LOG.warn(
          "{} is not promoted: {}. To make it live nevertheless, call makeLive",
          version,
          version.version() == standing.highest()
              ? "it was replaced, and version %d is live".formatted(standing.live().orElse(0))
              : "version %d was live before".formatted(standing.highest()));
      return true;
    }
    return false;
  }

  /** Waits until the version is close to the live one. */
  private void approach() throws SQLException, TimeoutException, InterruptedException {
    long started;
    do {
      started = System.nanoTime();
      long target = Math.max(mark, furthestOfLive());
      while (reached().lowest() < target) {
        if (hasTimedOut()) {
          throw timedOut("it has not reached position " + target);
        }
        TimeUnit.NANOSECONDS.sleep(LOOK_AGAIN_NANOS);
      }
    } while (System.nanoTime() - started > CLOSE_NANOS && !hasTimedOut());
  }

  private TimeoutException timedOut(String why) throws SQLException {
    long position = reached().lowest();
    long target = Math.max(mark, furthestOfLive());
    return new TimeoutException(
        "%s has come to position %d of %d in %s, %d behind: %s; %s"
            .formatted(
                version,
                position,
                target,
                timeout,
                Math.max(0, target - position),
                why,
                liveOne()));
  }

  private Outcome change(long untilNanos) throws SQLException {
    try {
      return connections.inTransaction(connection -> change(connection, untilNanos));
    } catch (SQLException e) {
      if (!Transactions.isHeldUp(e)) {
        throw e;
      }
      return Outcome.HELD_UP;
    }
  }

  private Outcome change(Connection connection, long untilNanos) throws SQLException {
    Transactions.begin(connection);
    Transactions.lockTimeout(connection, LOCK_TIMEOUT);
    Standing now = table.lock(connection, version.name());
    if (isDone(now)) {
      return Outcome.NOTHING_TO_DO;
    }
    if (!now.live().equals(live)) {
      if (!upwards) {
        throw new IllegalStateException(
            "version %d of projection %s was made live meanwhile, so %s was not"
                .formatted(now.live().orElse(0), version.name(), version));
      }
      live = now.live();
      return Outcome.ANOTHER_IS_LIVE;
    }
    long target = mark;
    if (live.isPresent()) {
      target = Math.max(target, subscriptions.hold(connection, subscriptionOf(live.getAsInt())));
    }
    while (reached(connection).lowest() < target) {
      if (System.nanoTime() - untilNanos >= 0 || Thread.currentThread().isInterrupted()) {
        return Outcome.TOO_FAR_BEHIND;
      }
      LockSupport.parkNanos(LOOK_AGAIN_NANOS);
    }
    Transactions.run(show, connection, version + " cannot be promoted");
    table.setLive(connection, version);
    return Outcome.PROMOTED;
  }

  private Reached reached() throws SQLException {
    return connections.use(this::reached);
  }

  /** The progress of the version. Throws an exception if the version cannot be promoted. */
  private Reached reached(Connection connection) throws SQLException {
    if (!table.has(connection, version)) {
      throw new IllegalStateException("there is no " + version + ": it was dropped");
    }
    Reached reached = subscriptions.reached(connection, version.subscription());
    if (reached.stopped()) {
      throw new IllegalStateException(
          "%s has stopped at position %d: %s"
              .formatted(version, reached.lowest(), reached.error().orElse("no reason is known")));
    }
    long events = parked.count(connection, version.subscription());
    if (events > 0) {
      throw new IllegalStateException(
          events == 1
              ? "%s has parked 1 event: replay or discard it first".formatted(version)
              : "%s has parked %d events: replay or discard them first".formatted(version, events));
    }
    return reached;
  }

  private long furthestOfLive() throws SQLException {
    if (live.isEmpty()) {
      return 0;
    }
    String subscription = subscriptionOf(live.getAsInt());
    return connections
        .use(connection -> subscriptions.reached(connection, subscription))
        .furthest();
  }

  private String subscriptionOf(int number) {
    return new ProjectionVersion(version.name(), number).subscription();
  }

  private String liveOne() {
    return live.isPresent() ? "version " + live.getAsInt() + " stays live" : "none is live";
  }

  private boolean hasTimedOut() {
    return System.nanoTime() - giveUp > 0;
  }

  private enum Outcome {
    PROMOTED,
    NOTHING_TO_DO,
    ANOTHER_IS_LIVE,
    TOO_FAR_BEHIND,
    HELD_UP
  }
}
