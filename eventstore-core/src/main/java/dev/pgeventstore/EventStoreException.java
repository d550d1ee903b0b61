package dev.pgeventstore;

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
}
