package dev.pgeventstore.kafka;

import org.jspecify.annotations.Nullable;

/** Trying again would not help or not be safe: somebody has to look. */
final class RelayHaltedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  RelayHaltedException(String message) {
    this(message, null);
  }

  RelayHaltedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
