package dev.pgeventstore.examples.loans;

import org.jspecify.annotations.Nullable;

/** The file cannot be imported. The message is one line that says where and why. */
final class ImportException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  ImportException(String message) {
    this(message, null);
  }

  ImportException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
