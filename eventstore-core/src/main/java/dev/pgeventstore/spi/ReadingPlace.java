package dev.pgeventstore.spi;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;

/**
 * The position of a reader of the global order. Each page must continue from there, and none may be
 * below an older mark than the page before, or events would be handled twice or left out. For one
 * thread.
 */
public final class ReadingPlace {

  private final String reader;
  private Position position;
  private Position highWaterMark = Position.START;

  private ReadingPlace(String reader, Position position) {
    this.reader = reader;
    this.position = position;
  }

  /**
   * A place before the first page.
   *
   * @param reader what reads, for messages
   * @param start where it starts, exclusive
   * @return the place
   */
  public static ReadingPlace of(String reader, Position start) {
    return new ReadingPlace(reader, start);
  }

  /**
   * Moves on to the end of a page.
   *
   * @param page the next
   * @return the same page
   * @throws InvariantBrokenException if it does not continue from this place
   */
  public EventPage advance(EventPage page) {
    boolean repeats =
        !page.events().isEmpty() && !page.events().get(0).position().isAfter(position);
    if (repeats || position.isAfter(page.upTo()) || highWaterMark.isAfter(page.highWaterMark())) {
      throw new InvariantBrokenException(
          ("%s is at position %s, below mark %s, and was given a page that does not continue from"
                  + " there: %d events from position %s on, up to %s, below mark %s. Nothing of it"
                  + " was handled.")
              .formatted(
                  reader,
                  position,
                  highWaterMark,
                  page.events().size(),
                  page.events().isEmpty() ? "none" : page.events().get(0).position(),
                  page.upTo(),
                  page.highWaterMark()));
    }
    position = page.upTo();
    highWaterMark = page.highWaterMark();
    return page;
  }
}
