package dev.pgeventstore;

/** Turns domain objects into stored events and back. Implementations are safe for many threads. */
public interface EventCodec {

  /**
   * The stored form of an event that is appended. A payload that is an {@link EncodedEvent} is
   * passed through, after a check that it is JSON.
   *
   * @param event the payload, which is a domain object, and what goes with it
   * @param stream where it is appended
   * @return its type, revision and JSON
   * @throws IllegalArgumentException if the payload's class is not registered, or it cannot be
   *     written as JSON that PostgreSQL stores
   */
  EncodedEvent encode(NewEvent event, StreamId stream);

  /**
   * The domain object of a stored event, brought to its current shape.
   *
   * @param event as stored, and not erased
   * @return the domain object
   * @throws UnknownEventTypeException if no class is known for the type
   * @throws UndecodableEventException if the revision is newer than the known one, or the JSON does
   *     not fit the class
   */
  Object decode(RecordedEvent event);

  /**
   * The stable type name under which objects of a class are stored.
   *
   * @param payloadClass a registered class
   * @return the type name
   * @throws IllegalArgumentException if the class is not registered
   */
  String typeName(Class<?> payloadClass);

  /**
   * The stored form of metadata: one flat JSON object in UTF-8.
   *
   * @param metadata what to write
   * @return the JSON
   * @throws IllegalArgumentException if it has what PostgreSQL cannot store
   */
  byte[] encodeMetadata(Metadata metadata);

  /**
   * Metadata from its stored form. A value that is no string is given as its JSON text.
   *
   * @param json one JSON object in UTF-8
   * @return the metadata
   * @throws EventStoreException if it is no JSON object
   */
  Metadata decodeMetadata(byte[] json);
}
