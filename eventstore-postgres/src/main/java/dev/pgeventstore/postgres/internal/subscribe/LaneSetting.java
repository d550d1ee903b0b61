package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.spi.SubscriptionSpec;
import java.util.concurrent.locks.Lock;

/**
 * What the lanes of a subscription have in common.
 *
 * @param spec how it was declared
 * @param readers of the store
 * @param tables of the store
 * @param suspects held while an event is handled that may have ended the process: one of the whole
 *     store at a time
 * @param errands of the store
 */
record LaneSetting(
    SubscriptionSpec spec,
    Readers readers,
    SubscriptionTables tables,
    Lock suspects,
    Errands errands) {}
