package dev.pgeventstore.kafka;

import dev.pgeventstore.EventStoreException;
import org.jspecify.annotations.Nullable;

/**
 * To go on would not help, or might lose, repeat or reorder events: an operator has to look at it.
 * The message says what is wrong, and what to do.
 */
public final class RelayHaltedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /**
   * For the relay.
   *
   * @param message what is wrong, and what to do
   */
  public RelayHaltedException(String message) {
    this(message, null);
  }

  /**
   * With a cause.
   *
   * @param message what is wrong, and what to do
   * @param cause what it was found by
   */
  public RelayHaltedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  @Override
  public boolean isTransient() {
    return false;
  }
}
