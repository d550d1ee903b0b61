package dev.pgeventstore.postgres.internal.project;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.ProjectionsTable;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable.Reached;
import dev.pgeventstore.projection.ProjectionRegistry.Step;
import dev.pgeventstore.projection.ProjectionVersion;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * Makes a version the live one. First it waits, holding nothing, until the version is close to the
 * live one. Then, in one transaction, the live one is kept from moving, the last steps are waited
 * for, and the two change places.
 */
final class Promotion {

  /** Whoever waits for the view's lock makes all readers wait behind him. */
  private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(1);

  /** A version that comes this soon to where the live one stood is close. */
  private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long LOOK_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  // The live one is kept for less than a lease lasts, or it would be taken for dead.
  private static final long FIRST_HOLD_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long LONGEST_HOLD_NANOS = TimeUnit.SECONDS.toNanos(8);

  private final Connections connections;
  private final ProjectionsTable table;
  private final SubscriptionsTable subscriptions;
  private final ParkedTable parked;
  private final ProjectionVersion version;
  private final OptionalInt live;
  private final long mark;
  private final Step show;
  private final Duration timeout;
  private final long giveUp;

  /**
   * A promotion.
   *
   * @param live the version that is to be replaced; if it is another by then, somebody else has
   *     decided otherwise
   * @param mark what has to be reached in any case: a live version may stand still
   */
  Promotion(
      Connections connections,
      ProjectionsTable table,
      SubscriptionsTable subscriptions,
      ParkedTable parked,
      ProjectionVersion version,
      OptionalInt live,
      Position mark,
      Step show,
      Duration timeout) {
    this.connections = connections;
    this.table = table;
    this.subscriptions = subscriptions;
    this.parked = parked;
    this.version = version;
    this.live = live;
    this.mark = mark.value();
    this.show = show;
    this.timeout = timeout;
    this.giveUp = System.nanoTime() + timeout.toNanos();
  }

  /** Promotes; false if somebody else did it meanwhile. */
  boolean run() throws SQLException, TimeoutException, InterruptedException {
    long hold = FIRST_HOLD_NANOS;
    while (true) {
      approach();
      long untilNanos = System.nanoTime() + hold;
      try {
        switch (connections.inTransaction(connection -> change(connection, untilNanos))) {
          case PROMOTED -> {
            return true;
          }
          case PROMOTED_BEFORE -> {
            return false;
          }
          case TOO_FAR_BEHIND -> hold = Math.min(2 * hold, LONGEST_HOLD_NANOS);
        }
      } catch (SQLException e) {
        if (!Transactions.isHeldUp(e) || hasTimedOut()) {
          throw e;
        }
      }
      // Others go on for a moment before everything is held again.
      TimeUnit.NANOSECONDS.sleep(LOOK_AGAIN_NANOS);
    }
  }

  /** Waits until the version is close to the live one. */
  private void approach() throws SQLException, TimeoutException, InterruptedException {
    long started;
    do {
      started = System.nanoTime();
      long target = Math.max(mark, furthestOfLive());
      while (reached().lowest() < target) {
        if (hasTimedOut()) {
          throw new TimeoutException(
              "%s has come to position %d of %d in %s; %s"
                  .formatted(version, reached().lowest(), target, timeout, liveOne()));
        }
        TimeUnit.NANOSECONDS.sleep(LOOK_AGAIN_NANOS);
      }
    } while (System.nanoTime() - started > CLOSE_NANOS);
  }

  private Outcome change(Connection connection, long untilNanos) throws SQLException {
    Transactions.readCommitted(connection);
    Transactions.lockTimeout(connection, LOCK_TIMEOUT);
    OptionalInt now = table.lock(connection, version.name());
    if (now.isPresent() && now.getAsInt() == version.version()) {
      return Outcome.PROMOTED_BEFORE;
    }
    if (!now.equals(live)) {
      throw new IllegalStateException(
          "version %d of projection %s was made live meanwhile, so %s was not"
              .formatted(now.orElse(0), version.name(), version));
    }
    long target = mark;
    if (live.isPresent()) {
      target = Math.max(target, subscriptions.hold(connection, subscriptionOf(live.getAsInt())));
    }
    while (reached(connection).lowest() < target) {
      if (System.nanoTime() > untilNanos || Thread.currentThread().isInterrupted()) {
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

  /** How far the version has come, if it can be promoted at all. */
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
          "%s has parked %d events: replay or discard them first".formatted(version, events));
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
    PROMOTED_BEFORE,
    TOO_FAR_BEHIND
  }
}
