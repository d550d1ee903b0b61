package dev.pgeventstore.postgres.internal.subscribe;

/** The handler failed, and not because of the database. */
final class HandlerFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Throwable failure;

  HandlerFailedException(Throwable failure) {
    super(failure);
    this.failure = failure;
  }

  Throwable failure() {
    return failure;
  }

  /** Whether an event could not be decoded here, so that another node may do better. */
  boolean isUndecodable() {
    return Failure.isUndecodable(failure);
  }
}
