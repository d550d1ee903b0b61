package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.kafka.consumer.GapException;
import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.consumer.NotRelayedException;
import java.util.function.BooleanSupplier;

/**
 * Decides what a failed try is put down to: the record, if the database is well, and the handler
 * was called (docs/adr/0016). It has no thread, clock, database or broker. For one thread at a
 * time.
 */
public final class Faults {

  /** So many races or lost connections in a row, at one place, are one attempt of the record's. */
  private static final int IN_A_ROW = 10;

  private final BooleanSupplier databaseIsWell;
  private long place = -1;
  private int inARow;

  /**
   * @param databaseIsWell asked only where it matters
   */
  public Faults(BooleanSupplier databaseIsWell) {
    this.databaseIsWell = databaseIsWell;
  }

  /**
   * What a failure is put down to.
   *
   * @param at the offset of the first record that was tried
   */
  public Blame of(TryFailedException e, long at) {
    Throwable failure = e.failure();
    if (Causes.isOfVirtualMachine(failure)) {
      return Blame.MACHINE;
    }
    if (failure instanceof GapException || failure instanceof NotRelayedException) {
      return Blame.HOPELESS;
    }
    return switch (e.stage()) {
      // The mark is locked, or there is no connection, no table, no right.
      case BEFORE -> failure instanceof MarkHeldException ? Blame.MARK_HELD : Blame.ENVIRONMENT;
      case HANDLER, COMMIT -> recordIf(isRecords(failure, e.connectionLived(), at));
      case MARKS -> recordIf(isRecordsAfterAll(failure, at));
    };
  }

  private static Blame recordIf(boolean isRecords) {
    return isRecords ? Blame.RECORD : Blame.ENVIRONMENT;
  }

  private boolean isRecords(Throwable failure, boolean connectionLived, long at) {
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

  /** The same for what a statement of the inbox has failed with, after the handler returned. */
  private boolean isRecordsAfterAll(Throwable failure, long at) {
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
