package dev.pgeventstore.postgres.internal.fence;

/**
 * A high-water mark, and the incarnation of the server it holds for.
 *
 * @param position everything at or below it is settled
 * @param incarnation of the server; in another one positions may be handed out again
 * @param unflushedTo how far the server's log must be flushed until no crash takes back anything at
 *     or below the position, nor has one of those positions drawn again; 0 if it was flushed as far
 *     when the mark was observed
 */
public record Mark(long position, String incarnation, long unflushedTo) {

  /** Before the first observation: no server ever is in this incarnation. */
  static final Mark UNKNOWN = new Mark(0, "");

  /** A mark that is durable. */
  public Mark(long position, String incarnation) {
    this(position, incarnation, 0);
  }

  boolean isUnknown() {
    return incarnation.isEmpty();
  }

  boolean isAt(Mark other) {
    return position == other.position && incarnation.equals(other.incarnation);
  }

  /** Whether a reader that has come to a position has something to do. */
  boolean isNews(long after, String readersIncarnation) {
    return !isUnknown() && (position > after || !incarnation.equals(readersIncarnation));
  }
}
