package dev.pgeventstore.spring;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Appends that are collected in a transaction and sent just before its commit, in the order of the
 * calls, so that a long transaction holds back the high-water mark for a moment only. Safe for many
 * threads.
 *
 * <p>Nothing is checked until then. A {@link dev.pgeventstore.ConflictException}, or whatever else
 * an append fails with, is thrown by the commit, to the caller of the transaction, and everything
 * is rolled back. Until then no reader sees the events, not even one in the same transaction. What
 * is collected behind a savepoint ({@code NESTED}) that is rolled back is dropped.
 *
 * <p>Use {@link EventStore#append} where the result is needed in the transaction, or a conflict is
 * to be handled there, as by {@code Aggregates}.
 */
public final class DeferredAppends {

  private final EventStore plain;
  private final SpringTransactions transactions;
  private final SuspendedStreams suspended;

  DeferredAppends(EventStore plain, SpringTransactions transactions, SuspendedStreams suspended) {
    this.plain = plain;
    this.transactions = transactions;
    this.suspended = suspended;
  }

  /**
   * The deferred appends of a store.
   *
   * @param store one that takes part in transactions
   * @return what collects them
   * @throws IllegalArgumentException if the store does not
   */
  public static DeferredAppends of(EventStore store) {
    return store
        .unwrap(DeferredAppends.class)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    store.getClass().getName() + " takes part in no transactions"));
  }

  /**
   * Has events appended just before the commit of the active transaction.
   *
   * @param append the events, and the conditions they were decided on
   * @return what has the result after the commit
   * @throws IllegalStateException if no transaction of the store's data source is active, or it is
   *     read-only, or has been committed
   */
  public DeferredAppend append(Append append) {
    if (!transactions.isActive()) {
      throw new IllegalStateException(
          "no transaction is active before whose commit this could be appended: " + append);
    }
    return transactions.write(
        append,
        connection -> {
          DeferredAppend deferred = new DeferredAppend(append);
          Collected collected = collected();
          if (transactions.isCommitting()) {
            // Spring may have called before the commit what it calls then.
            collected.sendNow(deferred);
          } else {
            collected.waiting.add(deferred);
          }
          return deferred;
        });
  }

  /**
   * Has events appended to the end of one stream just before the commit of the active transaction.
   *
   * @param stream where to append
   * @param expected the version this was decided on
   * @param events domain objects or new events, at least one, in order
   * @return what has the result after the commit
   * @throws IllegalStateException if no transaction of the store's data source is active, or it is
   *     read-only, or has been committed
   */
  public DeferredAppend append(StreamId stream, ExpectedVersion expected, List<?> events) {
    return append(Append.to(stream, expected, events));
  }

  /** Those of the active transaction. Spring takes them out while the transaction is suspended. */
  private Collected collected() {
    for (TransactionSynchronization each :
        TransactionSynchronizationManager.getSynchronizations()) {
      if (each instanceof Collected ours && ours.owner() == this) {
        return ours;
      }
    }
    Collected collected = new Collected();
    TransactionSynchronizationManager.registerSynchronization(collected);
    return collected;
  }

  /** What one transaction has collected. */
  private final class Collected implements TransactionSynchronization {

    private final List<DeferredAppend> waiting = new ArrayList<>();
    private final List<DeferredAppend> sent = new ArrayList<>();

    /** How much was collected at each savepoint. */
    private final Map<Object, Integer> savepoints = new HashMap<>();

    private DeferredAppends owner() {
      return DeferredAppends.this;
    }

    @Override
    public void savepoint(Object savepoint) {
      savepoints.put(savepoint, waiting.size());
    }

    @Override
    public void savepointRollback(Object savepoint) {
      // One that is older than these appends has none of them to keep.
      int kept = savepoints.getOrDefault(savepoint, 0);
      waiting.subList(Math.min(kept, waiting.size()), waiting.size()).clear();
    }

    /** After all others, which may append as well. */
    @Override
    public int getOrder() {
      return LOWEST_PRECEDENCE;
    }

    @Override
    public void beforeCommit(boolean readOnly) {
      List<DeferredAppend> now = List.copyOf(waiting);
      waiting.clear();
      now.forEach(this::sendNow);
    }

    private void sendNow(DeferredAppend deferred) {
      deferred.sent(
          transactions.write(
              deferred.append(), connection -> within(connection, deferred.append())));
      sent.add(deferred);
    }

    private AppendResult within(@Nullable Connection connection, Append append) {
      if (connection == null) {
        throw new IllegalStateException(
            "the transaction has ended, nothing was written: " + append);
      }
      suspended.check(append);
      return plain.within(connection).append(append);
    }

    @Override
    public void afterCompletion(int status) {
      if (status == STATUS_COMMITTED) {
        sent.forEach(DeferredAppend::committed);
      }
    }
  }
}
