package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.Causes;

/** A transaction of an inbox failed, and how far it had come. */
public final class TryFailedException extends Exception {

  private static final long serialVersionUID = 1L;

  /** How far a transaction had come. */
  public enum Stage {
    /** It had no connection, or the marks were not locked: the handler was not called. */
    BEFORE,
    /** The handler was called, and has not returned. */
    HANDLER,
    /** The handler has returned, and the marks were being moved. */
    MARKS,
    /** It was being committed. */
    COMMIT
  }

  private final Stage stage;
  private final transient Throwable failure;
  private final boolean connectionLived;

  TryFailedException(Stage stage, Throwable failure, boolean connectionLived) {
    // The application's failure may not be able to say what it is.
    super(Causes.text(failure), failure);
    this.stage = stage;
    this.failure = failure;
    this.connectionLived = connectionLived;
  }

  Stage stage() {
    return stage;
  }

  public Throwable failure() {
    return failure;
  }

  /** Whether it looked like a lost connection, and the transaction's own was not lost. */
  boolean connectionLived() {
    return connectionLived;
  }

  /** What to throw to a caller that expects nothing checked. */
  public RuntimeException unchecked() {
    return unchecked(
        failure,
        stage == Stage.COMMIT
            ? "it is not known whether the records were handled: handle them again, which drops those that were"
            : "nothing was handled");
  }

  /**
   * The same of any failure.
   *
   * @param outcome what has become of the records
   */
  public static RuntimeException unchecked(Throwable failure, String outcome) {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException e) {
      return e;
    }
    if (failure instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    return new EventStoreException(outcome + ": " + Causes.text(failure), failure);
  }
}
