package dev.pgeventstore.examples.visits;

/** What happens to a page. */
sealed interface VisitEvent {

  /**
   * Somebody has looked at it.
   *
   * @param bot whether it was a machine
   */
  record Visited(boolean bot) implements VisitEvent {}
}
