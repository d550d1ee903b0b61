package dev.pgeventstore.examples.requests;

import dev.pgeventstore.AppendResult;

/** What the sender of a command is told. */
sealed interface Reply {

  /**
   * It was done.
   *
   * @param appended where: views that have come so far show it
   */
  record Accepted(AppendResult appended) implements Reply {}

  /**
   * Nothing was done.
   *
   * @param reason why
   */
  record Refused(String reason) implements Reply {}
}
