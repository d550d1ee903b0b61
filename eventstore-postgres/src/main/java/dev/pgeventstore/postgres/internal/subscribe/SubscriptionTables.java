package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.BlockersQuery;
import dev.pgeventstore.postgres.internal.tables.CheckpointsTable;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SubscriptionStatusQuery;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;

/**
 * Where subscriptions are kept, and what they ask the database beside.
 *
 * @param connections to the database
 * @param subscriptions all partitions of each
 * @param checkpoints of single partitions
 * @param leases which node has which partition
 * @param status for reports
 * @param parked what was set aside
 * @param events the log
 * @param blockers what holds the mark back
 */
public record SubscriptionTables(
    Connections connections,
    SubscriptionsTable subscriptions,
    CheckpointsTable checkpoints,
    LeasesTable leases,
    SubscriptionStatusQuery status,
    ParkedTable parked,
    EventsTable events,
    BlockersQuery blockers) {

  /** The tables of a schema. */
  public SubscriptionTables(Connections connections, Schema schema, EventsTable events) {
    this(
        connections,
        new SubscriptionsTable(schema),
        new CheckpointsTable(schema),
        new LeasesTable(schema),
        new SubscriptionStatusQuery(schema),
        new ParkedTable(schema),
        events,
        new BlockersQuery(schema));
  }

  /** The same tables, through other connections. */
  SubscriptionTables through(Connections others) {
    return new SubscriptionTables(
        others, subscriptions, checkpoints, leases, status, parked, events, blockers);
  }
}
