package dev.pgeventstore.kafka.internal;

import org.jspecify.annotations.Nullable;

/** Trying again would not help or not be safe: somebody has to look. */
public final class RelayHaltedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public RelayHaltedException(String message) {
    this(message, null);
  }

  public RelayHaltedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
