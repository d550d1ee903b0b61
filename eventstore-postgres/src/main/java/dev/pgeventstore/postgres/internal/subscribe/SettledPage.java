package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import java.util.List;

/**
 * What one statement read of the settled order for a query: all that is wanted in a range of
 * positions. It never changes, but for erasures, and only in the incarnation of the server it was
 * read in.
 *
 * @param from exclusive
 * @param upTo inclusive
 * @param mark below which it was read
 * @param readAt the time on the readers' clock before it was read
 */
public record SettledPage(
    long from, long upTo, List<RecordedEvent> events, Mark mark, long readAt) {

  /** What an event takes beside its content: objects, references, names. */
  private static final int EVENT_OVERHEAD = 400;

  /**
   * Checks the order.
   *
   * @throws InvariantBrokenException if positions do not rise strictly from {@code from} to {@code
   *     upTo}, or the page reaches beyond the mark
   */
  public SettledPage {
    long last = from;
    for (RecordedEvent event : events) {
      if (event.position().value() <= last) {
        throw new InvariantBrokenException(
            "the database has answered with an event at position %s behind position %d"
                .formatted(event.position(), last));
      }
      last = event.position().value();
    }
    if (upTo <= from || last > upTo || upTo > mark.position()) {
      throw new InvariantBrokenException(
          "a page behind position %d was read up to %d, the last event at %d, below mark %d"
              .formatted(from, upTo, last, mark.position()));
    }
  }

  boolean reachesBeyond(long position) {
    return from <= position && position < upTo;
  }

  /** Whether it ended for another reason than the mark: then there is more to read behind it. */
  boolean isCut() {
    return upTo < mark.position();
  }

  /** Roughly what it takes of the heap, in bytes. */
  long weight() {
    long weight = EVENT_OVERHEAD;
    for (RecordedEvent event : events) {
      weight += EVENT_OVERHEAD + EventsTable.size(event);
    }
    return weight;
  }
}
