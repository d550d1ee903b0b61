package dev.pgeventstore;

import java.util.List;

/**
 * Some settled events of the global order, and how far they reach.
 *
 * @param events the wanted events, in position order
 * @param upTo everything wanted at or below this position has been read; the next page starts after
 *     it. It may lie beyond the last event, never beyond the mark
 * @param highWaterMark the high-water mark when the page was read
 */
public record EventPage(List<RecordedEvent> events, Position upTo, Position highWaterMark) {

  /**
   * Checks the order: whatever reads pages relies on it.
   *
   * @param events the wanted events, in position order
   * @param upTo where the page ends
   * @param highWaterMark the high-water mark when the page was read
   * @throws InvariantBrokenException if positions do not rise strictly, or events lie beyond the
   *     page's end or the mark
   */
  public EventPage {
    Position last = null;
    for (RecordedEvent event : events) {
      if (last != null && !event.position().isAfter(last)) {
        throw new InvariantBrokenException(
            "a page up to position %s has an event at position %s behind the one at %s"
                .formatted(upTo, event.position(), last));
      }
      last = event.position();
    }
    if (last != null && (last.isAfter(upTo) || upTo.isAfter(highWaterMark))) {
      throw new InvariantBrokenException(
          "a page up to position %s, below mark %s, has an event at position %s"
              .formatted(upTo, highWaterMark, last));
    }
  }

  /**
   * Whether the page reached the high-water mark.
   *
   * @return true if nothing settled was left behind it
   */
  public boolean isLast() {
    return upTo.compareTo(highWaterMark) >= 0;
  }
}
