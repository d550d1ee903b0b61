package dev.pgeventstore;

import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An event to append: a domain object, an id and metadata. Immutable, but for one thing: it knows
 * whether it, or a copy of it with other metadata, has been given to a store before, so that an
 * append which is sent again can be recognised. Safe for many threads.
 */
public final class NewEvent {

  private final Object payload;
  private final UUID id;
  private final boolean idSupplied;
  private final Metadata metadata;

  /** Shared by all copies with the same generated id: each may be passed to a store by itself. */
  private final AtomicInteger sent;

  private NewEvent(
      Object payload, UUID id, boolean idSupplied, Metadata metadata, AtomicInteger sent) {
    this.payload = payload;
    this.id = Objects.requireNonNull(id, "the id of an event is null");
    this.idSupplied = idSupplied;
    this.metadata = Objects.requireNonNull(metadata, "the metadata of an event is null");
    this.sent = sent;
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
        : new NewEvent(payload, UuidV7.next(), false, Metadata.none(), new AtomicInteger());
  }

  /**
   * The same event with an id of the caller's. An append that is sent again with the same ids, the
   * same content and the same expected versions is recognised as a retry, by any process: see
   * {@link EventStreams#append(Append)}.
   *
   * @param suppliedId unique at least within the stream
   * @return a copy that has it
   */
  public NewEvent withId(UUID suppliedId) {
    return new NewEvent(payload, suppliedId, true, metadata, new AtomicInteger());
  }

  /**
   * The same event with other metadata. A store treats the copy as the same event. This matters if
   * an append is retried and each attempt decorates its events anew.
   *
   * @param newMetadata its cause, and the user on whose behalf it is appended
   * @return a copy that has it
   */
  public NewEvent withMetadata(Metadata newMetadata) {
    return new NewEvent(payload, id, idSupplied, newMetadata, sent);
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
   * Whether the id came from the caller.
   *
   * @return true after {@link #withId}
   */
  public boolean idSupplied() {
    return idSupplied;
  }

  /**
   * For stores: notes that an append with this event is about to be sent. This cannot be undone,
   * whatever the outcome of the append.
   */
  public void sending() {
    sent.incrementAndGet();
  }

  /**
   * For stores: whether its stream may have this event already, because the id came from the
   * caller, or because this event, or a copy with other metadata, is being sent for the second time
   * at least. Only then does an append that expects {@link ExpectedVersion#any()} or {@link
   * ExpectedVersion#streamExists()} look for it.
   *
   * @return false for an event that is new for certain
   */
  public boolean mayBeStored() {
    return idSupplied || sent.get() > 1;
  }

  /**
   * The cause of the event, and the user on whose behalf it was appended.
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
