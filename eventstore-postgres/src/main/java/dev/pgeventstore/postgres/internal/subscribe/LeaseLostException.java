package dev.pgeventstore.postgres.internal.subscribe;

/** Another tenure has begun, or will. */
final class LeaseLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  LeaseLostException() {
    super("its tenure is over");
  }
}
