package dev.pgeventstore.postgres.internal.project;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.ProjectionsTable;
import dev.pgeventstore.postgres.internal.tables.ProjectionsTable.Standing;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.projection.ProjectionVersion;
import dev.pgeventstore.projection.VersionDroppedException;
import dev.pgeventstore.spi.ProjectionRegistry;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** The versions of projections in a store. */
public final class PostgresProjections implements ProjectionRegistry {

  /**
   * Longer than for a promotion, because the dropped version has no readers that would queue behind
   * the waiting drop.
   */
  private static final Duration LOCK_TIMEOUT_OF_DROP = Duration.ofSeconds(10);

  private static final long PATIENCE_OF_DROP_NANOS = TimeUnit.SECONDS.toNanos(30);

  private final Connections connections;
  private final ProjectionsTable table;
  private final SubscriptionsTable subscriptions;
  private final ParkedTable parked;
  private final Supplier<Position> highWaterMark;

  public PostgresProjections(
      Connections connections, Schema schema, Supplier<Position> highWaterMark) {
    this.connections = connections;
    this.table = new ProjectionsTable(schema);
    this.subscriptions = new SubscriptionsTable(schema);
    this.parked = new ParkedTable(schema);
    this.highWaterMark = highWaterMark;
  }

  @Override
  public boolean register(ProjectionVersion version, Step create) {
    try {
      return connections.inTransaction(
          connection -> {
            Transactions.begin(connection);
            if (!table.add(connection, version)) {
              return false;
            }
            // The new row is locked, so no other transaction drops this version before this one
            // ends.
            requireNotDropped(connection, version);
            // Remove what a node left that started a dropped version of this number at the same
            // time.
            removeSubscription(connection, version);
            Transactions.run(create, connection, version + " cannot be created");
            return true;
          });
    } catch (SQLException e) {
      throw SqlErrors.of(version + " cannot be registered", e);
    }
  }

  private void requireNotDropped(Connection connection, ProjectionVersion version)
      throws SQLException {
    Optional<Instant> droppedAt = table.droppedAt(connection, version);
    if (droppedAt.isPresent()
        || version.version() <= table.standing(connection, version.name()).highest()) {
      throw new VersionDroppedException(version, droppedAt);
    }
  }

  @Override
  public boolean isRegistered(ProjectionVersion version, Connection connection) {
    try {
      return table.has(connection, version);
    } catch (SQLException e) {
      throw SqlErrors.of(version + " cannot be looked up", e);
    }
  }

  @Override
  public OptionalInt liveVersion(String name) {
    try {
      return connections.use(connection -> table.liveVersion(connection, name));
    } catch (SQLException e) {
      throw SqlErrors.of("the live version of projection " + name + " cannot be read", e);
    }
  }

  @Override
  public OptionalInt liveVersion(String name, Connection connection) {
    try {
      return table.liveVersion(connection, name);
    } catch (SQLException e) {
      throw SqlErrors.of("the live version of projection " + name + " cannot be read", e);
    }
  }

  @Override
  public Position position(ProjectionVersion version) {
    try {
      return Position.of(
          connections.use(
              connection -> subscriptions.lowestCheckpoint(connection, version.subscription())));
    } catch (SQLException e) {
      throw SqlErrors.of("the position of " + version + " cannot be read", e);
    }
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
    Promotion promotion =
        new Promotion(
            connections,
            table,
            subscriptions,
            parked,
            version,
            upwards,
            highWaterMark,
            show,
            timeout);
    try {
      return promotion.run();
    } catch (SQLException e) {
      throw SqlErrors.of(version + " cannot be promoted", e);
    }
  }

  @Override
  public boolean drop(ProjectionVersion version, Step drop) {
    long giveUp = System.nanoTime() + PATIENCE_OF_DROP_NANOS;
    while (true) {
      try {
        return connections.inTransaction(connection -> drop(version, drop, connection));
      } catch (SQLException e) {
        if (!Transactions.isHeldUp(e) || System.nanoTime() > giveUp) {
          throw SqlErrors.of(version + " cannot be dropped", e);
        }
      }
    }
  }

  private boolean drop(ProjectionVersion version, Step drop, Connection connection)
      throws SQLException {
    Transactions.begin(connection);
    Transactions.lockTimeout(connection, LOCK_TIMEOUT_OF_DROP);
    Standing standing = table.lock(connection, version.name());
    if (!table.has(connection, version)) {
      if (table.droppedAt(connection, version).isPresent()) {
        // A node that started this version at the same time may have created its subscription
        // again.
        removeSubscription(connection, version);
      }
      return false;
    }
    if (standing.shows(version)) {
      throw new IllegalStateException(
          "%s is the live one: promote another, then drop it".formatted(version));
    }
    // The tables are dropped first. A transaction that is writing to them still needs its
    // checkpoint to end.
    Transactions.run(drop, connection, version + " cannot be dropped");
    removeSubscription(connection, version);
    table.remove(connection, version);
    return true;
  }

  // The checkpoints are removed last. A transaction that is parking an event still needs its
  // checkpoint to end.
  private void removeSubscription(Connection connection, ProjectionVersion version)
      throws SQLException {
    parked.removeAll(connection, version.subscription());
    subscriptions.remove(connection, version.subscription());
  }

  @Override
  public <T> T tentatively(Work<T> work) {
    try {
      return connections.inTransactionRolledBack(
          connection -> Transactions.find(work, connection, "the projection on demand failed"));
    } catch (SQLException e) {
      throw SqlErrors.of("the projection on demand failed", e);
    }
  }
}
