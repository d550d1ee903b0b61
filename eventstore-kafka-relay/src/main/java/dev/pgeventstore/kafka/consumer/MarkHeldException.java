package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.kafka.internal.consumer.LockHolder;
import java.sql.SQLException;
import java.util.Optional;

/**
 * Another transaction has locked the mark of a sequence: another consumer of the group still
 * handles records of it, or stands still. Nothing was handled. Try again: what the other one has
 * handled is then dropped.
 */
public final class MarkHeldException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient SequenceId sequence;
  private final transient Optional<Blocker> holder;

  /**
   * For the inbox.
   *
   * @param sequence whose mark it is
   * @param holder the transaction that has locked it; empty if that is not known
   * @param cause what the database has said
   */
  public MarkHeldException(SequenceId sequence, Optional<Blocker> holder, SQLException cause) {
    super(
        "the mark of %s is locked by %s: nothing was handled, and it can be tried again"
            .formatted(sequence, holder.map(LockHolder::describe).orElse("another transaction")),
        cause);
    this.sequence = sequence;
    this.holder = holder;
  }

  /**
   * Whose mark it is.
   *
   * @return relay, lane, topic and partition
   */
  public SequenceId sequence() {
    return sequence;
  }

  /**
   * The transaction that has locked it.
   *
   * @return a session or prepared transaction of the database; empty if the role may not see it, if
   *     it has just ended, or in a transaction of the caller's, where nothing can be asked any more
   */
  public Optional<Blocker> holder() {
    return holder;
  }
}
