package dev.pgeventstore;

import java.util.List;

/**
 * Messages that relays publish, kept in the database until they are published. Safe for use by many
 * threads; that of a caller's transaction is for one.
 */
public interface Outbox {

  /**
   * The outbox of a store, or of a transaction of the caller's.
   *
   * @param streams a store, or {@link EventStore#within}
   * @return its outbox
   * @throws IllegalArgumentException if it has none
   */
  static Outbox of(EventStreams streams) {
    return streams
        .unwrap(Outbox.class)
        .orElseThrow(
            () -> new IllegalArgumentException(streams.getClass().getName() + " has no outbox"));
  }

  /**
   * Writes messages that belong to no event, for relays to publish: all of them, or none. Messages
   * that announce events are appended with them, by {@link Append#message}.
   *
   * <p>Unlike an append, a publication cannot be recognised as a retry. If its outcome is unknown
   * and it is retried, the messages may be published twice; a receiver recognises them by their
   * ids, if the retry has the same ids.
   *
   * @param messages at least one, in the order in which they are to be published
   * @return the position of the last one
   * @throws IllegalArgumentException if there is none, or one cannot be stored; the text says which
   *     and why
   * @throws OutcomeUnknownException if the response was lost
   */
  Position publish(List<OutboxMessage> messages);
}
