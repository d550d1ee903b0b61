package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;

/**
 * Where subscriptions are kept.
 *
 * @param connections to the database
 * @param subscriptions checkpoints and leases
 * @param parked what was set aside
 */
record SubscriptionTables(
    Connections connections, SubscriptionsTable subscriptions, ParkedTable parked) {}
