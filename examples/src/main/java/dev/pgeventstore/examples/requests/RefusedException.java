package dev.pgeventstore.examples.requests;

/** The rules do not allow it. The message is for whoever wanted it. */
final class RefusedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  RefusedException(String reason) {
    super(reason);
  }
}
