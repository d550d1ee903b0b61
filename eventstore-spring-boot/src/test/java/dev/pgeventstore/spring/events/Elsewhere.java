package dev.pgeventstore.spring.events;

import dev.pgeventstore.codec.EventType;

/** Events in a package of their own. */
public sealed interface Elsewhere {

  /** Something that has happened. */
  @EventType(name = "happened-elsewhere")
  record Happened(String where) implements Elsewhere {}
}
