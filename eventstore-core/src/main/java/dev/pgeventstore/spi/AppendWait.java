package dev.pgeventstore.spi;

import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.SqlFailure;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Waits for an append at a reader of a feed. A position identifies no append once the server has
 * crashed or failed over, since it may belong to another event by then, and a reader may still be
 * in the previous incarnation. So the reader's incarnation is compared with that of the server,
 * observed after the reader was found there. If the append was not sent in that incarnation, it is
 * looked up.
 *
 * <p>For readers of a feed, in this process.
 */
public final class AppendWait {

  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final EventFeed feed;
  private final Reader reader;

  /**
   * At one reader.
   *
   * @param feed that it reads
   * @param reader that is waited for
   */
  public AppendWait(EventFeed feed, Reader reader) {
    this.feed = feed;
    this.reader = reader;
  }

  /**
   * Waits until the reader has passed an append.
   *
   * @param append what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time
   * @throws AppendLostException if the server has lost the append
   * @throws EventStoreException if the server's incarnation could not be observed within the
   *     timeout, or the server refuses to report it
   * @throws InterruptedException if the thread was interrupted
   */
  public void until(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = System.nanoTime() + Durations.nanos(timeout);
    Position wanted = append.position();
    String over = "";
    while (true) {
      String incarnation;
      try {
        Duration left = Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
        incarnation = reader.await(wanted, over, left);
      } catch (TimeoutException e) {
        if (isLost(append)) {
          throw new AppendLostException(append);
        }
        throw e;
      }
      try {
        // Only now: the reader may be in an incarnation that has ended, and not know it yet.
        if (!feed.incarnation().equals(incarnation)) {
          over = incarnation;
          continue;
        }
        if (append.parts().isEmpty()
            || append.incarnation().filter(incarnation::equals).isPresent()) {
          return;
        }
        Position found = feed.find(append).orElseThrow(() -> new AppendLostException(append));
        if (feed.incarnation().equals(incarnation) && !found.isAfter(wanted)) {
          return;
        }
        wanted = found.isAfter(wanted) ? found : wanted;
      } catch (EventStoreException e) {
        askAgainAfter(e, deadline);
      }
    }
  }

  /** A lost connection is not a response, and does not end the wait. */
  private static void askAgainAfter(EventStoreException failure, long deadline)
      throws InterruptedException {
    long left = deadline - System.nanoTime();
    if (left <= 0 || !SqlFailure.of(failure).isTransient()) {
      throw failure;
    }
    TimeUnit.NANOSECONDS.sleep(Math.min(left, PAUSE_NANOS));
  }

  /** Says more than that the timeout has expired, if the database does. */
  private boolean isLost(AppendResult append) {
    if (append.parts().isEmpty()) {
      return false;
    }
    try {
      return append.incarnation().filter(feed.incarnation()::equals).isEmpty()
          && feed.find(append).isEmpty();
    } catch (EventStoreException e) {
      return false;
    }
  }

  /** What is waited for. */
  @FunctionalInterface
  public interface Reader {

    /**
     * Waits until it has passed a position, in another incarnation of the server than one that has
     * ended.
     *
     * @param position what to wait for
     * @param over the incarnation that has ended; empty if none is known to have
     * @param timeout how long to wait
     * @return the incarnation in which it was found there
     * @throws TimeoutException if the position is not passed
     * @throws InterruptedException if the thread was interrupted
     */
    String await(Position position, String over, Duration timeout)
        throws TimeoutException, InterruptedException;
  }
}
