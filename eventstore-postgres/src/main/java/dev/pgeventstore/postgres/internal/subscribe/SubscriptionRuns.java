package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Subscription;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Lock;

/** The subscriptions that run in this store. */
public final class SubscriptionRuns implements SubscriptionHost, AutoCloseable {

  private final Engine engine;
  private final Readers readers;
  private final SubscriptionTables tables;
  private final StartPosition starts;
  private final CommitSignals signals;
  private final LeaseKeeper keeper;
  private final StatusReport report;
  private final Lock suspects;
  private final Errands errands = new Errands();

  /** Held while one is started. */
  private final Lock starting;

  /** Also one that is being started. */
  private final List<RunningSubscription> running = new CopyOnWriteArrayList<>();

  private volatile boolean closed;

  /**
   * @param node tells this store from all others that run the same subscriptions
   */
  public SubscriptionRuns(
      Engine engine,
      Readers readers,
      SubscriptionTables tables,
      HighWaterMark highWaterMark,
      CommitSignals signals,
      String node) {
    this.engine = engine;
    this.readers = readers;
    this.tables = tables;
    DurableMark durableMark = new DurableMark(highWaterMark, tables.connections());
    this.starts = new StartPosition(tables.connections(), tables.events(), durableMark);
    this.signals = signals;
    this.keeper = engine.leaseKeeper(tables.leases(), signals, node);
    this.report = new StatusReport(tables, highWaterMark, durableMark);
    this.suspects = engine.scheduler().newLock();
    this.starting = engine.scheduler().newLock();
  }

  /** Tells this store from all others, also of the same process, and people where to look. */
  public static String node() {
    String host = System.getenv().getOrDefault("HOSTNAME", "localhost");
    return "%s/%d/%s"
        .formatted(
            host, ProcessHandle.current().pid(), UUID.randomUUID().toString().substring(0, 8));
  }

  /** A process runs each name once at a time. */
  @Override
  public Subscription start(SubscriptionSpec spec) {
    starting.lock();
    try {
      return startAlone(spec);
    } finally {
      starting.unlock();
    }
  }

  private Subscription startAlone(SubscriptionSpec spec) {
    if (closed) {
      throw new IllegalStateException("the event store is closed");
    }
    for (RunningSubscription other : running) {
      if (other.name().equals(spec.name())) {
        if (!other.hasEnded()) {
          throw new IllegalStateException(
              "subscription %s runs in this store already".formatted(spec.name()));
        }
        other.awaitLeft();
      }
    }
    running.removeIf(RunningSubscription::hasLeft);
    RunningSubscription subscription =
        new RunningSubscription(
            engine,
            new LaneSetting(spec, readers, tables, suspects, errands),
            new ParkingLot(spec.name(), spec.handler(), tables),
            keeper,
            report);
    boolean added = false;
    try {
      arrange(spec);
      // First: a listener that is told of its beginning may close the store.
      running.add(subscription);
      // A thread that closes the store meanwhile finds it in the list, or has set this flag before.
      if (!closed) {
        keeper.add(subscription);
      }
      added = true;
    } catch (SQLException e) {
      throw SqlErrors.of("subscription " + spec.name() + " cannot be started", e);
    } finally {
      if (!added) {
        running.remove(subscription);
      }
    }
    if (closed) {
      stop(subscription);
    }
    return subscription;
  }

  /** The store was closed meanwhile. It has not waited for this, which may have leases by now. */
  private void stop(RunningSubscription subscription) {
    List<Lane> unused = RunningSubscription.askToStop(List.of(subscription), keeper);
    if (subscription.hasEnded()) {
      keeper.leave(List.of(subscription.name()));
    }
  }

  private void arrange(SubscriptionSpec spec) throws SQLException {
    Connections connections = tables.connections();
    SubscriptionsTable table = tables.subscriptions();
    String query = spec.query().canonicalText();
    List<String> replaced = spec.replaced().stream().map(EventQuery::canonicalText).toList();
    long start = connections.use(c -> table.exists(c, spec.name())) ? 0 : starts.of(spec.start());
    Optional<String> declared =
        Races.runAgain(
            () ->
                connections.use(
                    connection -> {
                      Optional<String> other =
                          table.arrange(
                              connection,
                              spec.name(),
                              spec.partitions(),
                              start,
                              query,
                              replaced,
                              keeper.owner(),
                              spec.leaseTime());
                      if (other.isEmpty() && !replaced.isEmpty()) {
                        // Nodes that run with the query that was replaced learn it at once.
                        signals.leasesGivenBack(connection);
                      }
                      return other;
                    }));
    if (declared.isPresent()) {
      throw new QueryMismatchException(
          "subscription %s is declared with the query [%s], and this node declares [%s]: it has not joined, and nothing was changed. To change the query, call replacing(the declared one) on the builder; for a subscription of its own, take another name"
              .formatted(spec.name(), declared.get(), query),
          declared.get(),
          query);
    }
  }

  /** Where a subscription has come to, as a transaction sees it. */
  @Override
  public Position position(String name, Connection connection) {
    try {
      return Position.of(tables.subscriptions().lowestCheckpoint(connection, name));
    } catch (SQLException e) {
      throw SqlErrors.of("the checkpoint of " + name + " cannot be read", e);
    }
  }

  /** Asks all subscriptions to stop, and waits for none, nor for one that is being started. */
  public void askToStop() {
    List<Lane> unused = lanesAskedToStop();
  }

  private List<Lane> lanesAskedToStop() {
    closed = true;
    return RunningSubscription.askToStop(running, keeper);
  }

  @Override
  public void close() {
    // All before the first is waited for: that one's handler may wait for another one's end.
    RunningSubscription.join(lanesAskedToStop());
    keeper.close();
  }
}
