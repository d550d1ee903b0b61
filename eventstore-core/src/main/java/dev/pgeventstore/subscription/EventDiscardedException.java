package dev.pgeventstore.subscription;

import dev.pgeventstore.EventStoreException;

/**
 * An event that was waited for was not applied and will not be: it was parked, and then discarded
 * ({@link ParkedEvents#discard}).
 */
public class EventDiscardedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient ParkedEvent event;
  private final String reason;

  /**
   * Names the event.
   *
   * @param subscription for which it was discarded
   * @param event the first one of what was waited for that is discarded
   * @param reason that was given for it
   */
  public EventDiscardedException(String subscription, ParkedEvent event, String reason) {
    super(
        "subscription %s has discarded version %d of stream %s, at position %s: %s"
            .formatted(subscription, event.version(), event.stream(), event.position(), reason));
    this.event = event;
    this.reason = reason;
  }

  /**
   * The event.
   *
   * @return with its stream, version and position, and what its handler failed with
   */
  public ParkedEvent event() {
    return event;
  }

  /**
   * Why it was discarded.
   *
   * @return as it was given
   */
  public String reason() {
    return reason;
  }
}
