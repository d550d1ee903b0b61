package dev.pgeventstore.postgres;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** How a store carries out appends: tests of the append path are repeated for each way. */
enum Appending {
  GROUPED,
  ALONE;

  PostgresEventStore.Builder apply(PostgresEventStore.Builder builder) {
    return builder.groupAppends(isGrouped());
  }

  /** Whether appends of several threads share transactions and connections. */
  boolean isGrouped() {
    return this == GROUPED;
  }

  /** For what a store that appends one by one does not promise. */
  void assumeGrouped() {
    assumeTrue(isGrouped(), "only group append does this");
  }
}
