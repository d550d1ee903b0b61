package dev.pgeventstore.subscription;

import dev.pgeventstore.EventQuery;

/**
 * What a subscription is to do, for the store that runs it.
 *
 * @param name of the checkpoint
 * @param query which events
 * @param start where to start without a checkpoint
 * @param batchSize the most events for one call of the handler
 * @param handler what to do with them
 */
public record SubscriptionSpec(
    String name, EventQuery query, Start start, int batchSize, EventHandler handler) {}
