package dev.pgeventstore;

/**
 * The connection was lost, or the wait ended, after an append was sent and before its answer came:
 * it may have been committed or not. Retrying with the same event ids is always safe: what was
 * committed already is recognised and answered with its first result.
 *
 * <p>Appending the same {@link Append} again brings the same ids. One that expects {@link
 * ExpectedVersion#any() any} version or {@link ExpectedVersion#streamExists() an existing stream}
 * is recognised only if the ids are the caller's ({@link NewEvent#withId}).
 */
public class OutcomeUnknownException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /**
   * With what the driver said.
   *
   * @param message what, where, and what to do
   * @param cause what the driver said
   */
  public OutcomeUnknownException(String message, Throwable cause) {
    super(message, cause);
  }
}
