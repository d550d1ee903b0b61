package dev.pgeventstore;

import dev.pgeventstore.internal.SqlFailure;
import org.jspecify.annotations.Nullable;

/**
 * Something went wrong in the store or on the way to it. The subclasses name the conditions that a
 * caller can act on. For an append in a transaction of the store's own, any other exception means
 * that nothing was written; a transaction of the caller must be rolled back.
 */
public class EventStoreException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * With a cause.
   *
   * @param message what, where, and what to do
   * @param cause what the driver or codec said
   */
  public EventStoreException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /**
   * Without a cause.
   *
   * @param message what, where, and what to do
   */
  public EventStoreException(String message) {
    super(message);
  }

  /**
   * Whether the same call may succeed if it is retried later, without any intervention: the
   * database was unavailable or out of a resource, a lock was not available, or the call lost a
   * race that the server resolves by failing it. Determined by the SQLSTATE of the cause, with one
   * list for the whole library.
   *
   * <p>A {@link ConflictException} is not transient: the same append fails again, so read again,
   * decide again, and retry. In a transaction of the caller, retry the whole transaction.
   *
   * @return false where the same call would fail again, or where that is not known
   */
  public boolean isTransient() {
    return SqlFailure.of(this).isTransient();
  }
}
