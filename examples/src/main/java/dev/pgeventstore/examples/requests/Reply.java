package dev.pgeventstore.examples.requests;

import dev.pgeventstore.AppendResult;

/** The reply to the sender of a command. */
sealed interface Reply {

  /**
   * The command was executed.
   *
   * @param appended the result of the append; views that have applied it include the events
   */
  record Accepted(AppendResult appended) implements Reply {}

  /**
   * The command changed nothing.
   *
   * @param reason the reason
   */
  record Refused(String reason) implements Reply {}
}
