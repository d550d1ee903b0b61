package dev.pgeventstore.examples.visits;

import dev.pgeventstore.codec.EventType;

/** What happens to a page. */
sealed interface VisitEvent {

  /**
   * The page was visited.
   *
   * @param bot whether the visitor was a machine
   */
  @EventType(name = "page-visited")
  record Visited(boolean bot) implements VisitEvent {}
}
