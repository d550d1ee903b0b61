package dev.pgeventstore.examples.groups;

import dev.pgeventstore.codec.EventType;

/** What a user does. Each user is a stream. */
sealed interface UserEvent {

  @EventType(name = "user-registered")
  record Registered() implements UserEvent {}

  @EventType(name = "user-logged-in")
  record LoggedIn() implements UserEvent {}
}
