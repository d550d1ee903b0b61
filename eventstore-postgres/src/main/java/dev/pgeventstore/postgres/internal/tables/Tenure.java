package dev.pgeventstore.postgres.internal.tables;

/**
 * The time in which an owner has a lease.
 *
 * @param key what is leased
 * @param owner the node that has it
 * @param epoch the number of the tenure; owners are compared too, since a failover may lose an
 *     epoch and have it counted again
 */
public record Tenure(LeaseKey key, String owner, long epoch) {}
