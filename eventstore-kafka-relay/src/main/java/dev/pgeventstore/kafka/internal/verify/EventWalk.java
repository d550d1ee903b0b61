package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.ReadingPlace;
import java.time.Duration;
import java.util.List;

/**
 * The store's events in their order, page by page, up to a position.
 *
 * @param feed of the store
 * @param query which events
 */
public record EventWalk(EventFeed feed, EventQuery query) {

  private static final int PAGE = 1_000;
  private static final Duration WAIT = Duration.ofMillis(250);

  /**
   * Walks.
   *
   * @param after exclusive
   * @param upTo inclusive; at or below the high-water mark, or it waits for that
   */
  public void run(Position after, Position upTo, Visitor visitor) throws InterruptedException {
    try (FeedReader reader = feed.open(query, after, Durability.VISIBLE)) {
      Position at = after;
      ReadingPlace reading = ReadingPlace.of("a verification", at);
      while (upTo.isAfter(at)) {
        EventPage page = reading.advance(reader.next(PAGE, WAIT));
        at = page.upTo();
        visitor.visit(
            page.events().stream().filter(event -> !event.position().isAfter(upTo)).toList(), at);
      }
    }
  }

  /** What is done with a page. */
  public interface Visitor {

    /**
     * Takes a page.
     *
     * @param events in their order; perhaps none
     * @param upTo where reading has come to
     */
    void visit(List<RecordedEvent> events, Position upTo) throws InterruptedException;
  }
}
