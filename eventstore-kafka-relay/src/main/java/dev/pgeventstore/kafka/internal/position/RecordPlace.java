package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;

/**
 * The place of a record in the order of its lane. Compared as (position, index).
 *
 * @param position of the event or message that it was made from, or where the lane stood when it
 *     was sent later
 * @param index 0 for the first record there
 */
public record RecordPlace(Position position, int index) implements Comparable<RecordPlace> {

  /** Before the first record of a partition. */
  public static final RecordPlace NONE = new RecordPlace(Position.START, 0);

  public static RecordPlace parse(String text) {
    int colon = text.indexOf(':');
    return new RecordPlace(
        Position.of(Long.parseLong(text.substring(0, colon))),
        Integer.parseInt(text.substring(colon + 1)));
  }

  /** The first free place at a position that the lane has come to, behind this one. */
  public RecordPlace nextAt(Position reached) {
    return new RecordPlace(reached, position.equals(reached) ? index + 1 : 0);
  }

  @Override
  public int compareTo(RecordPlace other) {
    int byPosition = position.compareTo(other.position);
    return byPosition != 0 ? byPosition : Integer.compare(index, other.index);
  }

  @Override
  public String toString() {
    return position + ":" + index;
  }
}
