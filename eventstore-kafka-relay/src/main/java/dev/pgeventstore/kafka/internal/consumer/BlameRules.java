package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.HandlerFaults;
import dev.pgeventstore.kafka.consumer.GapException;
import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.consumer.NotRelayedException;
import java.util.function.BooleanSupplier;

/**
 * Decides what a failed try is put down to: the record, if the database is well, and the handler
 * was called (docs/adr/0016). It has no thread, clock, database or broker. For one thread at a
 * time.
 */
public final class BlameRules {

  private final HandlerFaults faults = new HandlerFaults();
  private final BooleanSupplier databaseIsWell;

  /**
   * @param databaseIsWell asked only where it matters
   */
  public BlameRules(BooleanSupplier databaseIsWell) {
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
      case HANDLER, COMMIT ->
          recordIf(faults.isHandlers(failure, e.connectionLived(), at, databaseIsWell));
      case MARKS -> recordIf(faults.isHandlersAfterAll(failure, at, databaseIsWell));
    };
  }

  private static Blame recordIf(boolean isRecords) {
    return isRecords ? Blame.RECORD : Blame.ENVIRONMENT;
  }
}
