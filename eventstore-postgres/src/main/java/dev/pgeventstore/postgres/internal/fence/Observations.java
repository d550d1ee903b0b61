package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** When the fence was looked at, and since when it has shown no progress. Safe for many threads. */
final class Observations {

  private final Scheduler scheduler;
  private final Lock lock;

  /**
   * When the first attempt began that was not answered; null if none is under way or has failed.
   */
  private @Nullable Long unansweredSince;

  private Mark mark = Mark.UNKNOWN;
  private @Nullable Long heldBackSince;
  private long last;

  Observations(Scheduler scheduler) {
    this.scheduler = scheduler;
    this.lock = scheduler.newLock();
  }

  void begins() {
    lock.lock();
    try {
      if (unansweredSince == null) {
        unansweredSince = scheduler.nanoTime();
      }
    } finally {
      lock.unlock();
    }
  }

  void came(Mark observed, boolean heldBack) {
    lock.lock();
    try {
      unansweredSince = null;
      last = scheduler.nanoTime();
      if (!heldBack) {
        heldBackSince = null;
      } else if (heldBackSince == null || !observed.isAt(mark)) {
        heldBackSince = last;
      }
      mark = observed;
    } finally {
      lock.unlock();
    }
  }

  Duration unansweredFor() {
    lock.lock();
    try {
      return unansweredSince == null
          ? Duration.ZERO
          : Duration.ofNanos(scheduler.nanoTime() - unansweredSince);
    } finally {
      lock.unlock();
    }
  }

  /** Up to the last observation: nobody knows what has happened since. */
  Duration heldBackFor() {
    lock.lock();
    try {
      return heldBackSince == null ? Duration.ZERO : Duration.ofNanos(last - heldBackSince);
    } finally {
      lock.unlock();
    }
  }
}
