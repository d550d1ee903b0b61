package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;

/**
 * The place of a record in the order of its lane. Compared as (position, index).
 *
 * @param position of the event that it was made from
 * @param index 0 for an event's first record
 */
record RecordPlace(Position position, int index) implements Comparable<RecordPlace> {

  /** Before the first record of a partition. */
  static final RecordPlace NONE = new RecordPlace(Position.START, 0);

  static RecordPlace parse(String text) {
    int colon = text.indexOf(':');
    return new RecordPlace(
        Position.of(Long.parseLong(text.substring(0, colon))),
        Integer.parseInt(text.substring(colon + 1)));
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
