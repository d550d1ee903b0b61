package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.Causes;

/** The handler failed, and not because of the database. */
final class HandlerFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Throwable failure;

  private final boolean connectionLived;

  HandlerFailedException(Throwable failure) {
    this(failure, false);
  }

  HandlerFailedException(Throwable failure, boolean connectionLived) {
    super(Causes.text(failure), failure);
    this.failure = failure;
    this.connectionLived = connectionLived;
  }

  /** Whether it looked like a lost connection, and the connection of the handler was not lost. */
  boolean connectionLived() {
    return connectionLived;
  }

  Throwable failure() {
    return failure;
  }

  /** Whether an event could not be decoded here, so that another node may do better. */
  boolean isUndecodable() {
    return Failure.isUndecodable(failure);
  }
}
