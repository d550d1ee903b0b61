package dev.pgeventstore.postgres.internal.fence;

import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** When the fence was looked at, and since when it has shown no progress. Safe for many threads. */
final class Observations {

  private final LongSupplier nanoTime;

  /**
   * When the first attempt began that was not answered; null if none is under way or has failed.
   */
  private @Nullable Long unansweredSince;

  private Mark mark = Mark.UNKNOWN;
  private @Nullable Long heldBackSince;
  private long last;

  Observations(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  synchronized void begins() {
    if (unansweredSince == null) {
      unansweredSince = nanoTime.getAsLong();
    }
  }

  synchronized void came(Mark observed, boolean heldBack) {
    unansweredSince = null;
    last = nanoTime.getAsLong();
    if (!heldBack) {
      heldBackSince = null;
    } else if (heldBackSince == null || !observed.equals(mark)) {
      heldBackSince = last;
    }
    mark = observed;
  }

  synchronized Duration unansweredFor() {
    return unansweredSince == null
        ? Duration.ZERO
        : Duration.ofNanos(nanoTime.getAsLong() - unansweredSince);
  }

  /** Up to the last observation: nobody knows what has happened since. */
  synchronized Duration heldBackFor() {
    return heldBackSince == null ? Duration.ZERO : Duration.ofNanos(last - heldBackSince);
  }
}
