package dev.pgeventstore.postgres.internal.encoding;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Encodes single events. Safe for many threads. */
public final class EventEncoding {

  private final EventCodec codec;
  private final int maxBytes;

  public EventEncoding(EventCodec codec, int maxBytes) {
    this.codec = codec;
    this.maxBytes = maxBytes;
  }

  /** The most bytes that anything may take. */
  public int maxBytes() {
    return maxBytes;
  }

  /**
   * Encodes an event.
   *
   * @throws IllegalArgumentException if it cannot be stored: the message says why, the caller knows
   *     which one it is
   */
  public Encoded encode(NewEvent event, StreamId stream) {
    EncodedEvent content = codec.encode(event, stream);
    if (content.isReserved()) {
      throw new IllegalArgumentException(
          "its type %s starts with '$', which is reserved for the store".formatted(content.type()));
    }
    byte[] metadata =
        event.metadata().entries().isEmpty() ? null : codec.encodeMetadata(event.metadata());
    int bytes = content.length() + (metadata == null ? 0 : metadata.length);
    if (bytes > maxBytes) {
      throw new IllegalArgumentException(
          "its type is %s and it takes %d bytes of JSON, at most %d are allowed"
              .formatted(content.type(), bytes, maxBytes));
    }
    return new Encoded(event.id(), content, metadata);
  }

  /**
   * An event as it is stored.
   *
   * @param id the event's
   * @param content type, revision and data
   * @param metadata JSON in UTF-8, or null
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Encoded(UUID id, EncodedEvent content, byte @Nullable [] metadata) {}
}
