package dev.pgeventstore.testkit;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A new event that can be stored. */
final class CheckedEvent {

  final UUID id;
  final EncodedEvent encoded;
  final byte @Nullable [] metadata;

  private CheckedEvent(UUID id, EncodedEvent encoded, byte @Nullable [] metadata) {
    this.id = id;
    this.encoded = encoded;
    this.metadata = metadata;
  }

  static CheckedEvent of(NewEvent event, StreamId stream, int number, EventCodec codec) {
    CheckedEvent checked;
    try {
      checked =
          new CheckedEvent(
              event.id(),
              encode(event, stream, codec),
              event.metadata().entries().isEmpty() ? null : codec.encodeMetadata(event.metadata()));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "event %d for stream %s cannot be stored: %s".formatted(number, stream, e.getMessage()),
          e);
    }
    if (checked.bytes() > InMemoryEventStore.MAX_EVENT_BYTES) {
      throw new IllegalArgumentException(
          "event %d for stream %s (%s) takes %d bytes of JSON, at most %d are allowed"
              .formatted(
                  number,
                  stream,
                  checked.encoded.type(),
                  checked.bytes(),
                  InMemoryEventStore.MAX_EVENT_BYTES));
    }
    return checked;
  }

  private static EncodedEvent encode(NewEvent event, StreamId stream, EventCodec codec) {
    EncodedEvent encoded = codec.encode(event, stream);
    if (encoded.isReserved()) {
      throw new IllegalArgumentException(
          "its type %s starts with '$', which is reserved for the store".formatted(encoded.type()));
    }
    return encoded;
  }

  private int bytes() {
    return encoded.length() + (metadata == null ? 0 : metadata.length);
  }
}
