package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.BlockersQuery;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;

/**
 * Where subscriptions are kept, and what they ask the database beside.
 *
 * @param connections to the database
 * @param subscriptions checkpoints and leases
 * @param parked what was set aside
 * @param events the log
 * @param blockers what holds the mark back
 */
public record SubscriptionTables(
    Connections connections,
    SubscriptionsTable subscriptions,
    ParkedTable parked,
    EventsTable events,
    BlockersQuery blockers) {}
