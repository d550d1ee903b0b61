package dev.pgeventstore.spring;

import dev.pgeventstore.postgres.PostgresEventStore;

/**
 * A bean of this type changes the store that is configured automatically, after the properties were
 * applied. Several are called in their order.
 */
@FunctionalInterface
public interface EventStoreCustomizer {

  /**
   * Changes what the store is built with.
   *
   * @param builder of the store
   */
  void customize(PostgresEventStore.Builder builder);
}
