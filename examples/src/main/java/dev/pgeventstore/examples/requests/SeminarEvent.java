package dev.pgeventstore.examples.requests;

import dev.pgeventstore.codec.EventType;

/** What happens to a seminar. */
sealed interface SeminarEvent {

  @EventType(name = "seminar-announced")
  record Announced(int seats) implements SeminarEvent {}

  @EventType(name = "seat-booked")
  record Booked(String person) implements SeminarEvent {}
}
