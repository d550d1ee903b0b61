package dev.pgeventstore.spi;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.HistoryChangedException;
import java.time.Duration;

/** Reads on and on in the global order, page by page. For one thread at a time. */
public interface FeedReader extends AutoCloseable {

  /**
   * The next page. Waits until something beyond the last page is settled. The page after the one
   * returned is already being read meanwhile.
   *
   * @param limit the most events to return, 1 or more
   * @param maxWait how long to wait for something new
   * @return the page; without events if the wait expired or if no new event matches. In either case
   *     its {@code upTo} is where reading has got to
   * @throws InterruptedException if the thread was interrupted
   * @throws HistoryChangedException if the server crashed, restarted or was replaced since this
   *     reader was opened: reload your position, and open a new one
   * @throws dev.pgeventstore.EventStoreException if the database cannot be reached now; call again
   */
  EventPage next(int limit, Duration maxWait) throws InterruptedException;

  /**
   * The incarnation of the server in which all pages so far were read ({@link
   * EventFeed#incarnation}).
   *
   * @return the same for all pages of this reader; empty before the first
   */
  String incarnation();

  /** Stops reading ahead. */
  @Override
  void close();
}
