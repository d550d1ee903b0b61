package dev.pgeventstore.spring;

import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * How far a transaction has come. After its commit Spring still shows it as active, with its
 * connection: what is written there would be lost without a word.
 *
 * <pre>
 * OPEN ── before the first synchronization ──> COMMITTING ── committed ──> COMMITTED
 * </pre>
 */
final class TransactionPhase implements TransactionSynchronization {

  private enum Phase {
    OPEN,
    COMMITTING,
    COMMITTED
  }

  private Phase phase = Phase.OPEN;

  static boolean isCommitting() {
    TransactionPhase current = current();
    return current != null && current.phase != Phase.OPEN;
  }

  static boolean isCommitted() {
    TransactionPhase current = current();
    return current != null && current.phase == Phase.COMMITTED;
  }

  private static @Nullable TransactionPhase current() {
    if (TransactionSynchronizationManager.isSynchronizationActive()) {
      for (TransactionSynchronization each :
          TransactionSynchronizationManager.getSynchronizations()) {
        if (each instanceof TransactionPhase ours) {
          return ours;
        }
      }
    }
    return null;
  }

  /** Before all others. */
  @Override
  public int getOrder() {
    return Ordered.HIGHEST_PRECEDENCE;
  }

  @Override
  public void beforeCommit(boolean readOnly) {
    phase = Phase.COMMITTING;
  }

  @Override
  public void afterCommit() {
    phase = Phase.COMMITTED;
  }

  /** Puts a phase into every transaction. */
  static final class Listener implements TransactionExecutionListener {

    @Override
    public void afterBegin(TransactionExecution transaction, @Nullable Throwable failure) {
      if (failure == null && TransactionSynchronizationManager.isSynchronizationActive()) {
        TransactionSynchronizationManager.registerSynchronization(new TransactionPhase());
      }
    }
  }
}
