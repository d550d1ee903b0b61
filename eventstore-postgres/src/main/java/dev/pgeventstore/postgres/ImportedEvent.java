package dev.pgeventstore.postgres;

import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import java.util.Objects;

/** An item of an import: an event, and the stream to whose end it goes. Immutable. */
public final class ImportedEvent {

  private final StreamId stream;
  private final NewEvent event;

  private ImportedEvent(StreamId stream, NewEvent event) {
    this.stream = stream;
    this.event = event;
  }

  /**
   * An item.
   *
   * @param stream a new stream, or one that has events already
   * @param event a domain object that the store's codec knows, an {@link
   *     dev.pgeventstore.EncodedEvent}, or a {@link NewEvent}
   * @return the item
   * @throws IllegalArgumentException if the event is null
   */
  public static ImportedEvent of(StreamId stream, Object event) {
    return new ImportedEvent(Objects.requireNonNull(stream, "stream"), NewEvent.of(event));
  }

  /**
   * The stream to whose end it goes.
   *
   * @return a new one, or one that has events already
   */
  public StreamId stream() {
    return stream;
  }

  /**
   * The event.
   *
   * @return with its id and metadata
   */
  public NewEvent event() {
    return event;
  }

  @Override
  public String toString() {
    return "%s for stream %s".formatted(event, stream);
  }
}
