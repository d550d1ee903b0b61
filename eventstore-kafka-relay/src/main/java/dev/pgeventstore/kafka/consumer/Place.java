package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.Position;
import java.util.Comparator;

/**
 * Where a record stands in its {@link SequenceId sequence}. Compared by position, then by index.
 *
 * @param position of the event or message that the record was made from
 * @param index 0 for its first record
 */
public record Place(Position position, int index) implements Comparable<Place> {

  /** Before the first record: what the first one names as the one before it. */
  public static final Place START = new Place(Position.START, 0);

  private static final Comparator<Place> ORDER =
      Comparator.comparing(Place::position).thenComparingInt(Place::index);

  /**
   * Checks the range.
   *
   * @param position of the event or message
   * @param index 0 or more
   * @throws IllegalArgumentException if the index is negative
   */
  public Place {
    if (index < 0) {
      throw new IllegalArgumentException("an index is 0 or more, not " + index);
    }
  }

  /**
   * The place with these numbers.
   *
   * @param position 0 or more
   * @param index 0 or more
   * @return the place
   * @throws IllegalArgumentException if one is negative
   */
  public static Place of(long position, int index) {
    return new Place(Position.of(position), index);
  }

  /**
   * Reads the written form back.
   *
   * @param text {@code position:index}
   * @return the place
   * @throws IllegalArgumentException if it is anything else
   */
  public static Place parse(String text) {
    int colon = text.indexOf(':');
    if (colon < 0) {
      throw new IllegalArgumentException("'%s' is no position:index".formatted(text));
    }
    return new Place(
        Position.of(Numbers.parseLong(text.substring(0, colon))),
        Numbers.parseInt(text.substring(colon + 1)));
  }

  /**
   * Whether this one comes later.
   *
   * @param other of the same sequence
   * @return true if it does
   */
  public boolean isAfter(Place other) {
    return compareTo(other) > 0;
  }

  @Override
  public int compareTo(Place other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return position + ":" + index;
  }
}
