package dev.pgeventstore.internal;

import java.util.function.BooleanSupplier;

/**
 * Decides whether a failure counts as an attempt of the handler, or is the database's: the
 * handler's, if the database is well (docs/adr/0016). For one thread at a time.
 */
public final class HandlerFaults {

  /** So many races or lost connections in a row, at one place, count as one attempt. */
  private static final int IN_A_ROW = 10;

  private long place = -1;
  private int inARow;

  /**
   * Whether what the handler has thrown, or the commit, counts as its attempt.
   *
   * @param connectionLived whether the connection that the handler was given is still of use
   * @param at the place of what was handled
   * @param databaseIsWell asked only where it matters
   */
  public boolean isHandlers(
      Throwable failure, boolean connectionLived, long at, BooleanSupplier databaseIsWell) {
    return switch (SqlFailure.of(failure)) {
      case PERMANENT -> true;
      case REFUSED -> databaseIsWell.getAsBoolean();
      case RACE -> databaseIsWell.getAsBoolean() && isOneTooMany(at);
      case LOST -> databaseIsWell.getAsBoolean() && (connectionLived || isOneTooMany(at));
      // A disk that is full is so for all. Memory may be missing for one statement only.
      case EXHAUSTED ->
          SqlFailure.isOutOfMemory(failure) && databaseIsWell.getAsBoolean() && isOneTooMany(at);
    };
  }

  /** The same for a statement of the store's or the inbox's, after the handler has returned. */
  public boolean isHandlersAfterAll(Throwable failure, long at, BooleanSupplier databaseIsWell) {
    return switch (SqlFailure.of(failure)) {
      case PERMANENT -> true;
      case EXHAUSTED -> false;
      default -> databaseIsWell.getAsBoolean() && isOneTooMany(at);
    };
  }

  private boolean isOneTooMany(long at) {
    if (at != place) {
      place = at;
      inARow = 0;
    }
    inARow++;
    return inARow % IN_A_ROW == 0;
  }
}
