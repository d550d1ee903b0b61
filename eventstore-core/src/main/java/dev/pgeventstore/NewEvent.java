package dev.pgeventstore;

import java.util.UUID;

/** An event to append: a domain object, an id and metadata. Immutable. */
public final class NewEvent {

  private final Object payload;
  private final UUID id;
  private final boolean idSupplied;
  private final Metadata metadata;

  private NewEvent(Object payload, UUID id, boolean idSupplied, Metadata metadata) {
    this.payload = payload;
    this.id = id;
    this.idSupplied = idSupplied;
    this.metadata = metadata;
  }

  /**
   * An event with a fresh UUIDv7 and no metadata.
   *
   * @param payload a domain object that the store's codec knows, or an {@link EncodedEvent}
   * @return the event
   * @throws IllegalArgumentException if the payload is null
   */
  public static NewEvent of(Object payload) {
    if (payload == null) {
      throw new IllegalArgumentException("an event to append is null");
    }
    return payload instanceof NewEvent event
        ? event
        : new NewEvent(payload, UuidV7.next(), false, Metadata.none());
  }

  /**
   * The same event with an id of the caller's. An append whose ids the stream has already, at the
   * same place and with the same content, is recognised as a retry of the one before.
   *
   * @param suppliedId unique at least within the stream
   * @return a copy that has it
   */
  public NewEvent withId(UUID suppliedId) {
    return new NewEvent(payload, suppliedId, true, metadata);
  }

  /**
   * The same event with other metadata.
   *
   * @param newMetadata why and by whom it came about
   * @return a copy that has it
   */
  public NewEvent withMetadata(Metadata newMetadata) {
    return new NewEvent(payload, id, idSupplied, newMetadata);
  }

  /**
   * The domain object, or the content as it is to be stored.
   *
   * @return what {@link #of} was given
   */
  public Object payload() {
    return payload;
  }

  /**
   * The event's id.
   *
   * @return the caller's, or a UUIDv7
   */
  public UUID id() {
    return id;
  }

  /**
   * Whether the id came from the caller. Only then an append that expects {@link
   * ExpectedVersion#any()} or {@link ExpectedVersion#streamExists()} looks whether the stream has
   * it already.
   *
   * @return true after {@link #withId}
   */
  public boolean idSupplied() {
    return idSupplied;
  }

  /**
   * Why and by whom the event came about.
   *
   * @return possibly empty, never null
   */
  public Metadata metadata() {
    return metadata;
  }

  @Override
  public String toString() {
    return payload.getClass().getSimpleName() + " " + id;
  }
}
