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
   * Whether the page reached the high-water mark.
   *
   * @return true if nothing settled was left behind it
   */
  public boolean isLast() {
    return upTo.compareTo(highWaterMark) >= 0;
  }
}
