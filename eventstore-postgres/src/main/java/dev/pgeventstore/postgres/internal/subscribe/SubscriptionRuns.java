package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.BlockersQuery;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;

/** The subscriptions that run in this store. */
public final class SubscriptionRuns implements AutoCloseable {

  private final PostgresFeed feed;
  private final Connections connections;
  private final SubscriptionsTable table;
  private final ParkedTable parking;
  private final EventsTable events;
  private final StartPosition starts;
  private final LeaseKeeper keeper;
  private final StatusReport report;
  private final ReentrantLock suspects = new ReentrantLock();
  private final List<RunningSubscription> running = new ArrayList<>();
  private boolean closed;

  public SubscriptionRuns(
      PostgresFeed feed,
      Connections connections,
      HighWaterMark highWaterMark,
      CommitSignals signals,
      EventsTable events,
      Schema schema) {
    this.feed = feed;
    this.connections = connections;
    this.table = new SubscriptionsTable(schema);
    this.parking = new ParkedTable(schema);
    this.events = events;
    this.starts = new StartPosition(connections, events, highWaterMark);
    this.keeper = new LeaseKeeper(connections, table, signals, node());
    this.report =
        new StatusReport(connections, table, parking, new BlockersQuery(schema), highWaterMark);
  }

  /** Tells this store from all others, also of the same process, and people where to look. */
  private static String node() {
    String host = System.getenv().getOrDefault("HOSTNAME", "localhost");
    return "%s/%d/%s"
        .formatted(
            host, ProcessHandle.current().pid(), UUID.randomUUID().toString().substring(0, 8));
  }

  /** Starts one. A process runs each name once at a time. */
  public synchronized Subscription start(SubscriptionSpec spec) {
    if (closed) {
      throw new IllegalStateException("the event store is closed");
    }
    running.removeIf(RunningSubscription::hasEnded);
    if (running.stream().anyMatch(other -> other.name().equals(spec.name()))) {
      throw new IllegalStateException(
          "subscription %s runs in this store already".formatted(spec.name()));
    }
    RunningSubscription subscription =
        new RunningSubscription(
            spec,
            feed,
            new SubscriptionTables(connections, table, parking),
            new ParkingLot(spec.name(), spec.handler(), connections, parking, events),
            keeper,
            report,
            suspects);
    try {
      long start = connections.use(c -> table.exists(c, spec.name())) ? 0 : starts.of(spec.start());
      connections.inTransaction(
          connection -> {
            table.arrange(connection, spec.name(), spec.partitions(), start);
            return start;
          });
      keeper.add(subscription);
    } catch (SQLException e) {
      throw SqlErrors.of("subscription " + spec.name() + " cannot be started", e);
    }
    running.add(subscription);
    return subscription;
  }

  /** Where a subscription has come to, as a transaction sees it. */
  public Position position(String name, Connection connection) {
    try {
      return Position.of(table.lowestCheckpoint(connection, name));
    } catch (SQLException e) {
      throw SqlErrors.of("the checkpoint of " + name + " cannot be read", e);
    }
  }

  @Override
  public void close() {
    List<RunningSubscription> toClose;
    synchronized (this) {
      closed = true;
      toClose = List.copyOf(running);
    }
    toClose.forEach(RunningSubscription::close);
    keeper.close();
  }
}
