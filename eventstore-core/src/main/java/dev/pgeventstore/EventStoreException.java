package dev.pgeventstore;

import dev.pgeventstore.internal.SqlFailure;
import org.jspecify.annotations.Nullable;

/**
 * Something went wrong in the store or on the way to it. The subclasses name the conditions that a
 * caller can act on; of an append, any other one says that nothing was written.
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
   * Whether the same call may succeed when it is made again later, without anybody mending
   * anything: the database was away or out of something, a lock was not to be had, or a race was
   * lost that the server resolves by failing. Told by the SQLSTATE of what caused this, by the one
   * list that the whole library goes by.
   *
   * <p>A {@link ConflictException} is none: the same append fails again, so read again, decide
   * again, and retry. In a transaction of the caller's the whole transaction is to be made again.
   *
   * @return false where the same call would fail again, or where that is not known
   */
  public boolean isTransient() {
    return SqlFailure.of(this).isTransient();
  }
}
