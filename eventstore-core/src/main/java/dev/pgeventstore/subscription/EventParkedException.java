package dev.pgeventstore.subscription;

import dev.pgeventstore.EventStoreException;

/**
 * An event that was waited for was not applied: the subscription has parked it, because its handler
 * fails for it or for an earlier event of its stream. It is applied when it is replayed ({@link
 * Subscription#parked()}).
 */
public class EventParkedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient ParkedEvent event;

  /**
   * Names the event.
   *
   * @param subscription that has parked it
   * @param event the first one of what was waited for that is parked
   */
  public EventParkedException(String subscription, ParkedEvent event) {
    super(
        "subscription %s has parked version %d of stream %s, at position %s, %s; replay or discard it"
            .formatted(
                subscription,
                event.version(),
                event.stream(),
                event.position(),
                event
                    .error()
                    .map(error -> "after an error: " + error)
                    .orElse("behind an earlier event of the stream")));
    this.event = event;
  }

  /**
   * The event.
   *
   * @return with its stream, version and position, and what its handler failed with
   */
  public ParkedEvent event() {
    return event;
  }
}
