package dev.pgeventstore.examples.visits;

import dev.pgeventstore.codec.EventType;

/** What happens to a page. */
sealed interface VisitEvent {

  /**
   * Somebody has looked at it.
   *
   * @param bot whether it was a machine
   */
  @EventType(name = "page-visited")
  record Visited(boolean bot) implements VisitEvent {}
}
