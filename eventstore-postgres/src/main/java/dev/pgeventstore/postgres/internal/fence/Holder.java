package dev.pgeventstore.postgres.internal.fence;

/**
 * A transaction that holds the lock on events under which positions are drawn.
 *
 * @param virtualTransaction {@code backend/number}, as pg_locks shows it; the number is 0 in the
 *     last moment of a commit
 * @param prepared whether it is a prepared transaction, which has no process
 */
record Holder(String virtualTransaction, boolean prepared) {

  /** The rows are visible already, the lock is about to be released. */
  boolean isCommitting() {
    return !prepared && virtualTransaction.endsWith("/0");
  }

  String backend() {
    return virtualTransaction.substring(0, virtualTransaction.indexOf('/'));
  }
}
