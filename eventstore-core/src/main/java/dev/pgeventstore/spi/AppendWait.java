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
 * Waits for an append at a reader of a feed. A position says nothing of an append once the server
 * has crashed or failed over, since it may be another event's by then, and a reader may stand there
 * in the life that is over. So the life in which the reader stands is compared with that of the
 * server, observed after the reader was found there; if the append was not sent in that life, it is
 * looked for.
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
   * @throws TimeoutException if it has not come that far
   * @throws AppendLostException if the server has lost the append
   * @throws EventStoreException if the server could not be asked for the life that it is in until
   *     the time was over, or will not answer that
   * @throws InterruptedException if the thread was interrupted
   */
  public void until(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = System.nanoTime() + Durations.nanos(timeout);
    Position wanted = append.position();
    String over = "";
    while (true) {
      String life;
      try {
        Duration left = Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
        life = reader.await(wanted, over, left);
      } catch (TimeoutException e) {
        if (isLost(append)) {
          throw new AppendLostException(append);
        }
        throw e;
      }
      try {
        // Only now: the reader may stand in a life that is over, and not know it yet.
        if (!feed.life().equals(life)) {
          over = life;
          continue;
        }
        if (append.parts().isEmpty() || append.incarnation().filter(life::equals).isPresent()) {
          return;
        }
        Position found = feed.find(append).orElseThrow(() -> new AppendLostException(append));
        if (feed.life().equals(life) && !found.isAfter(wanted)) {
          return;
        }
        wanted = found.isAfter(wanted) ? found : wanted;
      } catch (EventStoreException e) {
        askAgainAfter(e, deadline);
      }
    }
  }

  /** A connection that is lost is no answer, and the time is not over for it. */
  private static void askAgainAfter(EventStoreException failure, long deadline)
      throws InterruptedException {
    long left = deadline - System.nanoTime();
    if (left <= 0 || !SqlFailure.of(failure).isTransient()) {
      throw failure;
    }
    TimeUnit.NANOSECONDS.sleep(Math.min(left, PAUSE_NANOS));
  }

  /** Says more than that the time is over, if the database says more. */
  private boolean isLost(AppendResult append) {
    if (append.parts().isEmpty()) {
      return false;
    }
    try {
      return append.incarnation().filter(feed.life()::equals).isEmpty()
          && feed.find(append).isEmpty();
    } catch (EventStoreException e) {
      return false;
    }
  }

  /** What is waited for. */
  @FunctionalInterface
  public interface Reader {

    /**
     * Waits until it has passed a position, in another life of the server than one that is over.
     *
     * @param position what to wait for
     * @param over the life that is over; empty if none is known to be
     * @param timeout how long to wait
     * @return the life in which it stands there
     * @throws TimeoutException if the position is not passed
     * @throws InterruptedException if the thread was interrupted
     */
    String await(Position position, String over, Duration timeout)
        throws TimeoutException, InterruptedException;
  }
}
