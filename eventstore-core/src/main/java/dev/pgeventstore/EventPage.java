package dev.pgeventstore;

import java.util.List;

/** Some settled events of the global order, and how far they reach. Immutable. */
public final class EventPage {

  private final List<RecordedEvent> events;
  private final Position upTo;
  private final Position highWaterMark;

  private EventPage(List<RecordedEvent> events, Position upTo, Position highWaterMark) {
    this.events = events;
    this.upTo = upTo;
    this.highWaterMark = highWaterMark;
  }

  /**
   * For stores: a page. Its order is checked, since whatever reads pages relies on it.
   *
   * @param events the wanted events, in position order; not copied
   * @param upTo where the page ends
   * @param highWaterMark the high-water mark when the page was read
   * @return the page
   * @throws InvariantBrokenException if positions do not rise strictly, or events lie beyond the
   *     page's end or the mark
   */
  public static EventPage of(List<RecordedEvent> events, Position upTo, Position highWaterMark) {
    Position last = null;
    for (RecordedEvent event : events) {
      if (last != null && !event.position().isAfter(last)) {
        throw new InvariantBrokenException(
            "a page up to position %s has an event at position %s after the one at %s"
                .formatted(upTo, event.position(), last));
      }
      last = event.position();
    }
    if (last != null && (last.isAfter(upTo) || upTo.isAfter(highWaterMark))) {
      throw new InvariantBrokenException(
          "a page up to position %s, below mark %s, has an event at position %s"
              .formatted(upTo, highWaterMark, last));
    }
    return new EventPage(events, upTo, highWaterMark);
  }

  /**
   * The wanted events.
   *
   * @return in position order
   */
  public List<RecordedEvent> events() {
    return events;
  }

  /**
   * Everything wanted at or below this position has been read; the next page starts after it.
   *
   * @return where the page ends; it may lie beyond the last event, never beyond the mark
   */
  public Position upTo() {
    return upTo;
  }

  /**
   * The high-water mark when the page was read.
   *
   * @return everything at or below it is settled
   */
  public Position highWaterMark() {
    return highWaterMark;
  }

  /**
   * Whether the page reached the high-water mark.
   *
   * @return true if nothing settled comes after it
   */
  public boolean isLast() {
    return upTo.compareTo(highWaterMark) >= 0;
  }

  @Override
  public String toString() {
    return "%d events up to position %s, below mark %s"
        .formatted(events.size(), upTo, highWaterMark);
  }
}
