package dev.pgeventstore.postgres.internal.subscribe;

/** Somebody else has handled these events, or this is another server: nothing may commit. */
final class CheckpointMovedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CheckpointMovedException(String message) {
    super(message);
  }
}
