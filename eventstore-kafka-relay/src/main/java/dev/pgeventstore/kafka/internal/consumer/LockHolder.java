package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.Blocker;

/** Names the transaction that has locked a mark, for messages. */
public final class LockHolder {

  private LockHolder() {}

  /** In words, for messages. */
  public static String describe(Blocker holder) {
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
}
