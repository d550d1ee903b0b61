package dev.pgeventstore.postgres;

/** When a store listens for what other processes commit. Otherwise it finds that by polling. */
public enum Listening {
  /**
   * On a connection that leads to the server itself, and not through a pooler. The default.
   *
   * <p>Behind a pooler in transaction mode a {@code LISTEN} stays on a connection of the server
   * that others use next: they get the notifications, and the listener gets none.
   */
  DIRECTLY,
  /** Also through a pooler, which must be in session mode. */
  ALWAYS,
  /** Not at all. One connection less is held. */
  NEVER
}
