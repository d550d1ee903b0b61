package dev.pgeventstore.postgres.internal.subscribe;

/** The lane cannot decode an event and has given its lease back, for a node that can. */
final class DeclinedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DeclinedException(long position, Throwable cause) {
    super("the event at position %d cannot be decoded here".formatted(position), cause);
  }
}
