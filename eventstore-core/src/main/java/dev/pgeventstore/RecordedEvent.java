package dev.pgeventstore;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An event as the store has it. Safe for many threads. Stores and decoders implement it; it may get
 * more methods.
 *
 * <p>The JSON is decoded when {@link #payload()} is first called, and only then: a reader that
 * passes events on pays nothing for it, and does not need to know their types.
 */
public interface RecordedEvent {

  /** The type name of events whose content was erased. */
  String ERASED_TYPE = "$erased";

  /**
   * The place in the global order.
   *
   * @return unique in the store
   */
  Position position();

  /**
   * The stream that the event belongs to.
   *
   * @return its id
   */
  StreamId stream();

  /**
   * The number of the event in its stream.
   *
   * @return 1 for the first
   */
  long version();

  /**
   * The id the event was appended with.
   *
   * @return unique in its stream
   */
  UUID id();

  /**
   * The stable type name.
   *
   * @return as stored
   */
  String type();

  /**
   * The content as it is stored: type, revision and JSON.
   *
   * @return as stored, not brought to the current shape
   */
  EncodedEvent encoded();

  /**
   * The metadata as it is stored.
   *
   * @return one JSON object in UTF-8, a copy; null if there is none
   */
  byte @Nullable [] metadataUtf8();

  /**
   * When the database stored the event, by its clock. Increases with positions only roughly.
   *
   * @return with microseconds
   */
  Instant recordedAt();

  /**
   * Whether the content was erased. What is left is its place: position, stream, version, id and
   * time.
   *
   * @return true if there is no {@link #payload()} any more
   */
  boolean isErased();

  /**
   * The domain object, in its current shape.
   *
   * @return decoded once
   * @throws ErasedEventException if it was erased, whatever it was before: ask {@link #isErased()}
   * @throws UndecodableEventException if the type is unknown or the JSON does not fit it; whatever
   *     else the codec throws is its cause
   */
  Object payload();

  /**
   * The cause of the event, and the user on whose behalf it was appended.
   *
   * @return possibly empty
   * @throws UndecodableEventException if the codec cannot decode it
   */
  Metadata metadata();
}
