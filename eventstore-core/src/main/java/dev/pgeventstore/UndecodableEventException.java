package dev.pgeventstore;

import org.jspecify.annotations.Nullable;

/**
 * A stored event cannot be decoded here: its type is unknown, its revision is newer than the known
 * one, its JSON does not fit the class, or an upcaster failed. Another build of the application may
 * be able to, so a subscription releases the partition to a node that can.
 *
 * <p>A handler that catches this exception and throws another one should give it as the cause, or
 * the failure counts as the handler's own.
 */
public class UndecodableEventException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /**
   * With a cause.
   *
   * @param message which type, and why
   * @param cause what the codec met with
   */
  public UndecodableEventException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /**
   * Without a cause.
   *
   * @param message which type, and why
   */
  public UndecodableEventException(String message) {
    super(message);
  }
}
