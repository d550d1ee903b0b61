package dev.pgeventstore;

/**
 * The content of an event was asked for, and was erased. Handlers that may meet erased events ask
 * {@link RecordedEvent#isErased()} first; typed handlers do not see them unless they ask.
 */
public class ErasedEventException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /**
   * Names the event.
   *
   * @param event whose content was erased
   */
  public ErasedEventException(RecordedEvent event) {
    super(
        "version %d of stream %s, at position %s, was erased and has no payload any more: ask isErased() before payload()"
            .formatted(event.version(), event.stream(), event.position()));
  }
}
