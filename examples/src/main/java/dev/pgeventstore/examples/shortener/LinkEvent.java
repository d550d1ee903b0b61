package dev.pgeventstore.examples.shortener;

import dev.pgeventstore.codec.EventType;

/** What happens to a short link. Each code is a stream, {@code link-<code>}. */
sealed interface LinkEvent {

  @EventType(name = "link-created")
  record Created(String url) implements LinkEvent {}

  @EventType(name = "link-redirected")
  record Redirected(String url) implements LinkEvent {}

  @EventType(name = "link-removed")
  record Removed() implements LinkEvent {}
}
