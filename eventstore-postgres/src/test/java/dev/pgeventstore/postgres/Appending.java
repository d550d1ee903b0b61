package dev.pgeventstore.postgres;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * How a store carries out appends: the tests of the append path are repeated for each way. What
 * only group append can do is left out until {@code -Dappend.grouped=true} says that it is there.
 */
enum Appending {
  AS_BUILT {
    @Override
    PostgresEventStore.Builder apply(PostgresEventStore.Builder builder) {
      return builder;
    }
  };

  abstract PostgresEventStore.Builder apply(PostgresEventStore.Builder builder);

  /** Whether appends of several threads share transactions and connections. */
  boolean isGrouped() {
    return Boolean.getBoolean("append.grouped");
  }

  /**
   * Whether an append that expects an existing stream, with ids of the caller's, is right when the
   * stream comes to exist meanwhile. It was once told of a conflict that named no stream.
   */
  static boolean seesStreamsBegin() {
    return Boolean.getBoolean("append.grouped");
  }

  /** For what a store that appends one by one does not promise. */
  void assumeGrouped() {
    assumeTrue(isGrouped(), "only group append does this: -Dappend.grouped=true");
  }
}
