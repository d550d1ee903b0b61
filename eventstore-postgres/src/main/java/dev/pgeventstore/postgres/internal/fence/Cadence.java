package dev.pgeventstore.postgres.internal.fence;

import java.util.concurrent.TimeUnit;

/**
 * When a mark is to be observed next: at once when a commit was signalled, or some milliseconds
 * later where there are very many; every few milliseconds while a transaction holds the mark back;
 * at the poll interval otherwise. For one thread at a time.
 */
final class Cadence {

  /** While a transaction holds the lock: its end is not signalled if it is a caller's own. */
  private static final long TICK = TimeUnit.MILLISECONDS.toNanos(2);

  private static final long SLOW_TICK = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long TICK_SLOWLY_AFTER = TimeUnit.SECONDS.toNanos(1);

  private final long pollInterval;
  private final Tempo tempo = new Tempo();

  /** When the last observation began, and how long after that the next one is due. */
  private long began;

  private long pause;

  /** Not before, whatever is signalled: a reader is observing. */
  private long notBefore;

  private long lastPosition = -1;
  private long heldSince;

  /** A transaction was open, or was known to be. */
  private boolean expectant;

  /**
   * @param now on the scheduler's clock; the first observation is due then
   */
  Cadence(long pollInterval, long now) {
    this.pollInterval = pollInterval;
    this.began = now;
    this.notBefore = now;
  }

  /**
   * When to observe next, if anybody waits.
   *
   * @param signalled whether something was committed since the last observation began
   * @param readers who wait
   */
  long due(boolean signalled, int readers) {
    long due = began + (signalled ? Math.min(tempo.pause(readers), pause) : pause);
    return due - notBefore < 0 ? notBefore : due;
  }

  /** Whether the next observation is one that may as well come a little earlier. */
  boolean isPolling() {
    return pause >= pollInterval;
  }

  /**
   * An observation begins.
   *
   * @param writing whether something was written that is yet to be committed
   */
  void begins(long now, boolean writing) {
    if (now - began - pause > pollInterval) {
      // No reader was waiting. What has come since then says nothing of how much comes now.
      lastPosition = -1;
    }
    began = now;
    expectant |= writing;
  }

  /**
   * It has ended.
   *
   * @param took how long it was
   * @param isOpen whether a transaction is open that may draw positions
   * @param readers who wait
   */
  void observed(long position, long took, boolean isOpen, int readers) {
    tempo.found(lastPosition < 0 ? 0 : Math.max(0, position - lastPosition), began, took);
    if (position != lastPosition) {
      lastPosition = position;
      heldSince = began;
    }
    boolean expected = expectant;
    expectant = isOpen;
    if (isOpen) {
      pause =
          began - heldSince > TICK_SLOWLY_AFTER
              ? Math.min(SLOW_TICK, pollInterval)
              : Math.max(TICK, tempo.pause(readers));
    } else if (expected) {
      // It may have been committed in the middle of the observation: too late to be visible, and
      // too soon to be seen holding the lock.
      pause = Math.min(TICK, pollInterval);
    } else {
      pause = pollInterval;
    }
  }

  /** It has failed. */
  void failed() {
    pause = pollInterval;
  }

  /** It could not begin, because a reader is observing. */
  void postpone(long now) {
    notBefore = now + TICK;
  }
}
