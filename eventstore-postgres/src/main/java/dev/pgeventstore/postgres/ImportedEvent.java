package dev.pgeventstore.postgres;

import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import java.util.Objects;

/**
 * An item of an import: an event, and the stream to whose end it goes.
 *
 * @param stream a new stream, or one that has events already
 * @param event with its id and metadata
 */
public record ImportedEvent(StreamId stream, NewEvent event) {

  /**
   * Checks that both are there.
   *
   * @param stream a new stream, or one that has events already
   * @param event with its id and metadata
   */
  public ImportedEvent {
    Objects.requireNonNull(stream, "stream");
    Objects.requireNonNull(event, "event");
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
    return new ImportedEvent(stream, NewEvent.of(event));
  }
}
