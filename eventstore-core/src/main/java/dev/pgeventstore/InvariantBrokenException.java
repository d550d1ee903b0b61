package dev.pgeventstore;

/**
 * Something that always holds does not: events out of order, a place that moves back, a page that
 * leaves a gap. It is a fault of the store, or of rows that were changed without it.
 *
 * <p>The reader that detects it stops, has not used what it was given, and does not retry: a
 * subscription, a follower or a relay fails, and reports this in its status. The message has the
 * facts.
 */
public final class InvariantBrokenException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  /**
   * With the facts.
   *
   * @param message what does not hold, and for whom; with positions
   */
  public InvariantBrokenException(String message) {
    super(message);
  }
}
