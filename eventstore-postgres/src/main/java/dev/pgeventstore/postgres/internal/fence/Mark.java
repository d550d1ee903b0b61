package dev.pgeventstore.postgres.internal.fence;

/**
 * A high-water mark, and the life of the server it holds for.
 *
 * @param position everything at or below it is settled
 * @param incarnation the server's life; in another life positions may be handed out again
 */
public record Mark(long position, String incarnation) {

  /** Before the first observation: no server ever is in this life. */
  static final Mark UNKNOWN = new Mark(0, "");

  boolean isUnknown() {
    return incarnation.isEmpty();
  }

  /** Whether a reader that has come to a position has something to do. */
  boolean isNews(long after, String readersIncarnation) {
    return !isUnknown() && (position > after || !incarnation.equals(readersIncarnation));
  }
}
