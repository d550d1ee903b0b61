package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** The subscriptions that run in this store. */
public final class SubscriptionRuns implements AutoCloseable {

  private final PostgresFeed feed;
  private final Connections connections;
  private final Checkpoints checkpoints;
  private final List<RunningSubscription> running = new ArrayList<>();
  private boolean closed;

  public SubscriptionRuns(
      PostgresFeed feed, Connections connections, HighWaterMark highWaterMark, Schema schema) {
    this.feed = feed;
    this.connections = connections;
    this.checkpoints = new Checkpoints(connections, new SubscriptionsTable(schema), highWaterMark);
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
        new RunningSubscription(spec, feed, connections, checkpoints);
    try {
      subscription.start();
    } catch (SQLException e) {
      throw SqlErrors.of("subscription " + spec.name() + " cannot be started", e);
    }
    running.add(subscription);
    return subscription;
  }

  /** Where a subscription has come to, as a transaction sees it. */
  public Position position(String name, Connection connection) {
    try {
      return Position.of(checkpoints.table().lowestCheckpoint(connection, name));
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
  }
}
