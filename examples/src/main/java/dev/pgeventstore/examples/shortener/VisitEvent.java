package dev.pgeventstore.examples.shortener;

import dev.pgeventstore.codec.EventType;

/** A visit by a short link. The visits of a code are a stream, {@code visits-<code>}. */
sealed interface VisitEvent {

  @EventType(name = "link-visited")
  record Visited(String from) implements VisitEvent {}
}
