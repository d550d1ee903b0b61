package dev.pgeventstore.spi;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ErasedEventException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UndecodableEventException;
import java.time.Instant;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An event as the store has it, decoded when it is asked for. Safe for many threads, if the codec
 * is.
 */
public final class StoredEvent implements RecordedEvent {

  private final Position position;
  private final StreamId stream;
  private final long version;
  private final UUID id;
  private final EncodedEvent encoded;
  private final byte @Nullable [] metadataJson;
  private final Instant recordedAt;
  private final EventCodec codec;

  // Decoding twice in a race is harmless, so neither needs a lock.
  private volatile @Nullable Object payload;
  private volatile @Nullable Metadata metadata;

  private StoredEvent(
      Position position,
      StreamId stream,
      long version,
      UUID id,
      EncodedEvent encoded,
      byte @Nullable [] metadataJson,
      Instant recordedAt,
      EventCodec codec) {
    this.position = position;
    this.stream = stream;
    this.version = version;
    this.id = id;
    this.encoded = encoded;
    this.metadataJson = metadataJson;
    this.recordedAt = recordedAt;
    this.codec = codec;
  }

  /**
   * An event from its stored parts.
   *
   * @param position its place in the global order
   * @param stream the stream it belongs to
   * @param version its number in the stream
   * @param id its id
   * @param encoded its content as stored
   * @param metadataJson its metadata as stored, null if it has none
   * @param recordedAt when the database stored it
   * @param codec what decodes both
   * @return the event
   */
  public static StoredEvent of(
      Position position,
      StreamId stream,
      long version,
      UUID id,
      EncodedEvent encoded,
      byte @Nullable [] metadataJson,
      Instant recordedAt,
      EventCodec codec) {
    return new StoredEvent(position, stream, version, id, encoded, metadataJson, recordedAt, codec);
  }

  @Override
  public Position position() {
    return position;
  }

  @Override
  public StreamId stream() {
    return stream;
  }

  @Override
  public long version() {
    return version;
  }

  @Override
  public UUID id() {
    return id;
  }

  @Override
  public String type() {
    return encoded.type();
  }

  @Override
  public EncodedEvent encoded() {
    return encoded;
  }

  @Override
  public byte @Nullable [] metadataUtf8() {
    return metadataJson == null ? null : metadataJson.clone();
  }

  @Override
  public Instant recordedAt() {
    return recordedAt;
  }

  @Override
  public boolean isErased() {
    return encoded.type().equals(ERASED_TYPE);
  }

  @Override
  public Object payload() {
    Object decoded = payload;
    if (decoded == null) {
      if (isErased()) {
        throw new ErasedEventException(this);
      }
      decoded = decoded(() -> codec.decode(this));
      payload = decoded;
    }
    return decoded;
  }

  @Override
  public Metadata metadata() {
    Metadata decoded = metadata;
    if (decoded == null) {
      byte[] json = metadataJson;
      decoded = json == null ? Metadata.none() : decoded(() -> codec.decodeMetadata(json));
      metadata = decoded;
    }
    return decoded;
  }

  /** Whatever a codec throws, it must not count as a failure of the event's handler. */
  private <T> T decoded(Supplier<T> decoding) {
    try {
      return decoding.get();
    } catch (UndecodableEventException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new UndecodableEventException(
          "the event of type '%s' at position %s cannot be decoded: %s"
              .formatted(type(), position, e.getMessage()),
          e);
    }
  }

  @Override
  public String toString() {
    return "%s version %d at %s: %s".formatted(stream, version, position, encoded);
  }
}
