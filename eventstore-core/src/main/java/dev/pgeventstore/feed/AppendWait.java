package dev.pgeventstore.feed;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import java.time.Duration;
import java.util.concurrent.TimeoutException;

/**
 * Waits for an append at something that only knows positions. A position says nothing of an append
 * once the server has crashed or failed over, since it may be another event's by then: so if the
 * server is not known to be in the life in which the append was sent, the append is looked for.
 *
 * <p>For readers of a feed, in this process.
 */
public final class AppendWait {

  private final EventFeed feed;
  private final Positions reader;

  /**
   * At one reader.
   *
   * @param feed that it reads
   * @param reader that is waited for
   */
  public AppendWait(EventFeed feed, Positions reader) {
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
   * @throws InterruptedException if the thread was interrupted
   */
  public void until(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    Position wanted = append.position();
    while (true) {
      try {
        reader.await(wanted, Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
      } catch (TimeoutException e) {
        if (isLost(append)) {
          throw new AppendLostException(append);
        }
        throw e;
      }
      // Only now: what the reader has passed in another life was observed in that life before.
      String life = feed.lastLife();
      if (append.parts().isEmpty() || append.incarnation().filter(life::equals).isPresent()) {
        return;
      }
      Position found = feed.find(append).orElseThrow(() -> new AppendLostException(append));
      if (feed.life().equals(life) && !found.isAfter(wanted)) {
        return;
      }
      wanted = found.isAfter(wanted) ? found : wanted;
    }
  }

  /** Says more than that the time is over, if the database says more. */
  private boolean isLost(AppendResult append) {
    if (append.parts().isEmpty()
        || append.incarnation().filter(feed.lastLife()::equals).isPresent()) {
      return false;
    }
    try {
      return feed.find(append).isEmpty();
    } catch (EventStoreException e) {
      return false;
    }
  }

  /** Waiting for a position. */
  @FunctionalInterface
  public interface Positions {

    /**
     * Waits.
     *
     * @param position what to wait for
     * @param timeout how long to wait
     * @throws TimeoutException if it is not reached
     * @throws InterruptedException if the thread was interrupted
     */
    void await(Position position, Duration timeout) throws TimeoutException, InterruptedException;
  }
}
