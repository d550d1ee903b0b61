package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventStoreException;
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
  private final transient SQLException said;

  MarkHeldException(SequenceId sequence, Optional<Blocker> holder, SQLException cause) {
    super(
        "the mark of %s is locked by %s: nothing was handled, and it can be tried again"
            .formatted(
                sequence, holder.map(MarkHeldException::describe).orElse("another transaction")),
        cause);
    this.sequence = sequence;
    this.holder = holder;
    this.said = cause;
  }

  /** What the database has said. */
  SQLException said() {
    return said;
  }

  /** In words, for messages. */
  static String describe(Blocker holder) {
    return holder
        .prepared()
        .map(id -> "the prepared transaction " + id)
        .orElseGet(
            () ->
                "process %s (%s) of user %s, open for %d s, %s"
                    .formatted(
                        holder.pid().map(Object::toString).orElse("?"),
                        holder.application().isBlank() ? "no name" : holder.application(),
                        holder.user().isBlank() ? "?" : holder.user(),
                        holder.age().toSeconds(),
                        holder.state().isBlank() ? "state unknown" : holder.state()));
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
   * Who has locked it.
   *
   * @return a session or prepared transaction of the database; empty if the role may not see it, if
   *     it has just ended, or in a transaction of the caller's, where nothing can be asked any more
   */
  public Optional<Blocker> holder() {
    return holder;
  }
}
