package dev.pgeventstore.examples.requests;

/** The rules do not allow a command. The message is for its sender. */
final class RefusedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  RefusedException(String reason) {
    super(reason);
  }
}
