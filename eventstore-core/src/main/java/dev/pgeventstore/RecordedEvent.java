package dev.pgeventstore;

import java.time.Instant;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An event as the store has it. Safe for many threads.
 *
 * <p>The JSON is decoded when {@link #payload()} is first called, and only then: a reader that
 * passes events on pays nothing for it, and does not need to know their types.
 */
public final class RecordedEvent {

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

  private RecordedEvent(
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
   * For stores and decoders: an event from its stored parts.
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
  public static RecordedEvent of(
      Position position,
      StreamId stream,
      long version,
      UUID id,
      EncodedEvent encoded,
      byte @Nullable [] metadataJson,
      Instant recordedAt,
      EventCodec codec) {
    return new RecordedEvent(
        position, stream, version, id, encoded, metadataJson, recordedAt, codec);
  }

  /**
   * The place in the global order.
   *
   * @return unique in the store
   */
  public Position position() {
    return position;
  }

  /**
   * The stream that the event belongs to.
   *
   * @return its id
   */
  public StreamId stream() {
    return stream;
  }

  /**
   * The number of the event in its stream.
   *
   * @return 1 for the first
   */
  public long version() {
    return version;
  }

  /**
   * The id the event was appended with.
   *
   * @return unique in its stream
   */
  public UUID id() {
    return id;
  }

  /**
   * The stable type name.
   *
   * @return as stored
   */
  public String type() {
    return encoded.type();
  }

  /**
   * The content as it is stored: type, revision and JSON.
   *
   * @return as stored, not brought to the current shape
   */
  public EncodedEvent encoded() {
    return encoded;
  }

  /**
   * The metadata as it is stored.
   *
   * @return one JSON object in UTF-8, the array itself; null if there is none
   */
  public byte @Nullable [] metadataUtf8() {
    return metadataJson;
  }

  /**
   * When the database stored the event, by its clock. Increases with positions only roughly.
   *
   * @return with microseconds
   */
  public Instant recordedAt() {
    return recordedAt;
  }

  /**
   * Whether the content was erased. What is left is the place: position, stream, version, id and
   * time.
   *
   * @return true if {@link #payload()} is the {@link ErasedEvent}
   */
  public boolean isErased() {
    return encoded.type().equals(ErasedEvent.TYPE);
  }

  /**
   * The domain object, in its current shape.
   *
   * @return decoded once; {@link ErasedEvent#instance()} if it was erased, whatever it was before
   * @throws UndecodableEventException if the type is unknown or the JSON does not fit it; whatever
   *     else the codec throws is its cause
   */
  public Object payload() {
    Object decoded = payload;
    if (decoded == null) {
      decoded = isErased() ? ErasedEvent.instance() : decoded(() -> codec.decode(encoded));
      payload = decoded;
    }
    return decoded;
  }

  /**
   * Why and by whom the event came about.
   *
   * @return possibly empty
   * @throws UndecodableEventException if the codec cannot decode it
   */
  public Metadata metadata() {
    Metadata decoded = metadata;
    if (decoded == null) {
      byte[] json = metadataJson;
      decoded = json == null ? Metadata.none() : decoded(() -> codec.decodeMetadata(json));
      metadata = decoded;
    }
    return decoded;
  }

  /** Whatever a codec throws, it must not be taken for a failure of what is done with the event. */
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
