package dev.pgeventstore.spring;

import dev.pgeventstore.Append;
import dev.pgeventstore.StreamId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * The streams to which suspended transactions of a thread have appended. Their rows are locked
 * until those transactions end, which wait for the thread: PostgreSQL sees no deadlock in that, so
 * an append to such a stream would never return.
 */
final class SuspendedStreams {

  /** Of all stores. Unset in threads that have suspended none. */
  private static final ThreadLocal<@Nullable List<Joined>> SUSPENDED = new ThreadLocal<>();

  /**
   * Refuses an append that would wait for a suspended transaction.
   *
   * @throws IllegalStateException if it has such a stream
   */
  void check(Append append) {
    List<Joined> outers = SUSPENDED.get();
    if (outers == null) {
      return;
    }
    for (Joined outer : outers) {
      for (StreamId stream : append.events().keySet()) {
        if (outer.owner() == this && outer.streams.contains(stream)) {
          throw new IllegalStateException(
              ("an outer transaction, which is suspended, has appended to stream %s: each would wait"
                      + " for the other. Nothing was written: %s")
                  .formatted(stream, append));
        }
      }
    }
  }

  /** The active transaction has locked these streams. */
  void written(Append append) {
    joined().streams.addAll(append.events().keySet());
  }

  private Joined joined() {
    for (TransactionSynchronization each :
        TransactionSynchronizationManager.getSynchronizations()) {
      if (each instanceof Joined ours && ours.owner() == this) {
        return ours;
      }
    }
    Joined joined = new Joined();
    TransactionSynchronizationManager.registerSynchronization(joined);
    return joined;
  }

  /** What one transaction has locked. */
  private final class Joined implements TransactionSynchronization {

    private final List<StreamId> streams = new ArrayList<>();

    /** How many there were at each savepoint: a rollback to it unlocks the later ones. */
    private final Map<Object, Integer> savepoints = new HashMap<>();

    private SuspendedStreams owner() {
      return SuspendedStreams.this;
    }

    @Override
    public void suspend() {
      List<Joined> all = SUSPENDED.get();
      if (all == null) {
        all = new ArrayList<>();
        SUSPENDED.set(all);
      }
      all.add(this);
    }

    @Override
    public void resume() {
      List<Joined> all = SUSPENDED.get();
      if (all != null && all.remove(this) && all.isEmpty()) {
        SUSPENDED.remove();
      }
    }

    @Override
    public void savepoint(Object savepoint) {
      savepoints.put(savepoint, streams.size());
    }

    @Override
    public void savepointRollback(Object savepoint) {
      streams.subList(savepoints.getOrDefault(savepoint, 0), streams.size()).clear();
    }
  }
}
