package dev.pgeventstore.postgres.internal.tables;

/**
 * The period in which an owner has a lease.
 *
 * @param key what is leased
 * @param owner the node that has it
 * @param epoch the number of the tenure; the owner is compared as well, because a failover may lose
 *     an epoch, which is then used again
 */
public record Tenure(LeaseKey key, String owner, long epoch) {}
