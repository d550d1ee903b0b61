package dev.pgeventstore.examples.logs;

import org.jspecify.annotations.Nullable;

/** The file cannot be imported. The message is one line that says where and why. */
public final class ImportException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * With nothing behind it.
   *
   * @param message where and why
   */
  public ImportException(String message) {
    this(message, null);
  }

  /**
   * With what it comes from.
   *
   * @param message where and why
   * @param cause null if there is none
   */
  public ImportException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
