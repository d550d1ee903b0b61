package dev.pgeventstore;

/**
 * The connection was lost, the driver or the pool threw something unexpected, or the wait ended,
 * after an append was sent and before the response arrived: it may have been committed or not, or
 * may still be. Send the same {@link Append} again: what was committed already is recognised, and
 * the first result is returned.
 *
 * <p>An append that is built again is recognised as well if it has the same {@link NewEvent}s, or
 * ids of the caller's ({@link NewEvent#withId}), and expects the same versions; see {@link
 * EventStreams#append(Append)}. Where a retry expects {@link ExpectedVersion#any() any} version or
 * {@link ExpectedVersion#streamExists() an existing stream} and its ids are not the caller's, the
 * first attempt must not be carried out after it. This can happen if a server, or one of its
 * processes, was frozen with the request.
 */
public class OutcomeUnknownException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /**
   * With the driver's exception.
   *
   * @param message what, where, and what to do
   * @param cause the driver's exception
   */
  public OutcomeUnknownException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Whether the same call may simply be retried. It may not: domain objects that are given again
   * would be new events. The same {@link Append} may.
   *
   * @return false
   */
  @Override
  public boolean isTransient() {
    return false;
  }
}
