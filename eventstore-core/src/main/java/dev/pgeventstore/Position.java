package dev.pgeventstore;

/**
 * A place in the one global order of a store. Positions increase, and may have holes.
 *
 * <p>A position says where an event is, never what may be appended: lower positions can still be in
 * flight while a higher one is visible. Expect {@link ExpectedVersion versions} instead.
 *
 * @param value 0 is before the first event; every event's position is 1 or more
 */
public record Position(long value) implements Comparable<Position> {

  /** Before the first event. */
  public static final Position START = new Position(0);

  /**
   * Checks the range.
   *
   * @param value 0 or more
   * @throws IllegalArgumentException if the value is negative
   */
  public Position {
    if (value < 0) {
      throw new IllegalArgumentException("a position is 0 or more, not " + value);
    }
  }

  /**
   * The position with this number.
   *
   * @param value 0 or more
   * @return the position
   * @throws IllegalArgumentException if the value is negative
   */
  public static Position of(long value) {
    return value == 0 ? START : new Position(value);
  }

  /**
   * Whether this one comes later in the global order.
   *
   * @param other what to compare with
   * @return true if this position is the larger one
   */
  public boolean isAfter(Position other) {
    return value > other.value;
  }

  @Override
  public int compareTo(Position other) {
    return Long.compare(value, other.value);
  }

  @Override
  public String toString() {
    return Long.toString(value);
  }
}
