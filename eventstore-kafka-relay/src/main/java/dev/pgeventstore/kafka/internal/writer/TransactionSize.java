package dev.pgeventstore.kafka.internal.writer;

import dev.pgeventstore.internal.Durations;
import java.time.Duration;

/**
 * How much a lane sends before it waits for the acknowledgement. A broker takes what it takes: a
 * quota, a slow link or small batches may make a transaction outlive its time-out, and sent again
 * as it was it would do so for ever. So its size follows what was acknowledged, and how soon: it
 * doubles while that is quick, and halves when it takes too long; above the size at which that
 * happened last it grows by steps. That is how TCP finds out what a network carries: additive
 * increase and multiplicative decrease (Chiu and Jain, 1989) after a slow start (RFC 5681).
 *
 * <p>The lead is not renewed while a transaction is open. So a transaction that takes about as long
 * as the lease would lose it to a relay that stands by, again and again.
 *
 * <p>It outlives what sends. For one thread, but for {@link #bytes}.
 */
public final class TransactionSize {

  private static final long FIRST = 256L * 1024;
  private static final long MOST = 16L * 1024 * 1024;

  /** What takes long with less than that does not because of its size. */
  private static final long LEAST = 8L * 1024;

  private static final long STEP = 128L * 1024;

  private final long longest;
  private volatile long bytes = FIRST;
  private long doublesBelow = MOST;
  private long changed = Long.MIN_VALUE;

  /**
   * A size to begin with.
   *
   * @param timeout of a transaction
   * @param lease how long the lead lasts unless it is renewed
   */
  public TransactionSize(Duration timeout, Duration lease) {
    this.longest = Math.min(Durations.nanos(timeout) / 4, Durations.nanos(lease) / 2);
  }

  /** How long to send before what was sent is waited for, in nanoseconds. */
  long longest() {
    return longest;
  }

  /** The most bytes to have under way, but for one parcel more. */
  public long bytes() {
    return bytes;
  }

  /**
   * Something was acknowledged.
   *
   * @param underWay how many bytes there were under way with it
   * @param sent when it was sent
   * @param now when it was acknowledged
   */
  void acknowledged(long underWay, long sent, long now) {
    if (wasSentBeforeTheLastChange(sent)) {
      return;
    }
    if (now - sent > longest) {
      shrink(now);
    } else if (now - sent <= longest / 2 && underWay >= bytes / 2 && bytes < MOST) {
      bytes = Math.min(MOST, bytes < doublesBelow ? bytes * 2 : bytes + STEP);
      changed = now;
    }
  }

  /**
   * Something was not acknowledged in time, or the broker has aborted the transaction.
   *
   * @param sent when it was sent
   * @param now when that was noticed
   */
  void timedOut(long sent, long now) {
    if (!wasSentBeforeTheLastChange(sent)) {
      shrink(now);
    }
  }

  /** What was sent under another size says nothing of this one. */
  private boolean wasSentBeforeTheLastChange(long sent) {
    return changed != Long.MIN_VALUE && sent - changed < 0;
  }

  private void shrink(long now) {
    bytes = Math.max(LEAST, bytes / 2);
    doublesBelow = bytes;
    changed = now;
  }
}
