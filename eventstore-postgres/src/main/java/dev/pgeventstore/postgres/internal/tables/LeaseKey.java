package dev.pgeventstore.postgres.internal.tables;

/**
 * What a lease is for: a partition of a subscription, or a lane of a relay.
 *
 * @param name of the subscription or relay
 * @param partition its number
 */
public record LeaseKey(String name, int partition) {}
