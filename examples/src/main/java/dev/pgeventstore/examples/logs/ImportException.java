package dev.pgeventstore.examples.logs;

import org.jspecify.annotations.Nullable;

/** The file cannot be imported. The message is one line with the place and the reason. */
public final class ImportException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message where and why
   */
  public ImportException(String message) {
    this(message, null);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message where and why
   * @param cause the cause; null if there is none
   */
  public ImportException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
