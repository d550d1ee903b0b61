package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Completes futures in the order in which they arrive, in a separate thread, so that dependent
 * actions delay no append.
 */
final class Completions {

  private static final Logger LOG = LoggerFactory.getLogger(Completions.class);

  private final Scheduler scheduler;
  private final Lock lock;
  private final Condition more;
  private final Queue<List<PendingAppend>> queue = new ArrayDeque<>();
  private Scheduler.@Nullable Task thread;
  private boolean closed;

  /** Creates an empty queue, without a thread yet. */
  Completions(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
    this.more = lock.newCondition();
  }

  /** Completes the futures of appends that have their results. */
  void add(List<PendingAppend> answered) {
    lock.lock();
    try {
      queue.add(answered);
      if (thread == null) {
        thread =
            scheduler.start("eventstore-completions", () -> EngineThread.run(this::completeAll));
      }
      more.signal();
    } finally {
      lock.unlock();
    }
  }

  private void completeAll() {
    for (List<PendingAppend> next = take(); next != null; next = take()) {
      try {
        next.forEach(PendingAppend::complete);
      } catch (RuntimeException | Error e) {
        LOG.error("An action that depends on an append has failed", Causes.loggable(e));
      }
      // A dependent action may have left an interrupt behind.
      boolean unused = Thread.interrupted();
    }
  }

  /** Waits for the next completed appends; null if there are none and will be none. */
  private @Nullable List<PendingAppend> take() {
    lock.lock();
    try {
      while (queue.isEmpty() && !closed) {
        more.awaitUninterruptibly();
      }
      if (queue.isEmpty()) {
        thread = null;
      }
      return queue.poll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Lets the thread end when it has nothing more to do, and waits for that, unless this is called
   * by an action that depends on an append. An interrupt ends the wait, and is kept.
   *
   * @param nanos how long to wait at most
   */
  void close(long nanos) {
    Scheduler.Task completing;
    lock.lock();
    try {
      closed = true;
      more.signal();
      completing = thread;
    } finally {
      lock.unlock();
    }
    if (completing == null || completing.isCurrent()) {
      return;
    }
    try {
      if (!completing.join(nanos)) {
        LOG.warn("An action that depends on an append is still running, and the store is closed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
