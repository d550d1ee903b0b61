package dev.pgeventstore;

import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The cause of an event, and the user on whose behalf it was appended. Immutable; {@code with…}
 * returns a changed copy.
 *
 * <p>All of it is optional. It is stored as one flat JSON object: the four named entries under
 * their names, the free ones beside them.
 */
public final class Metadata {

  /** The name under which {@link #correlationId()} is stored. */
  public static final String CORRELATION_ID = "correlationId";

  /** The name under which {@link #causationId()} is stored. */
  public static final String CAUSATION_ID = "causationId";

  /** The name under which {@link #userId()} is stored. */
  public static final String USER_ID = "userId";

  /** The name under which {@link #occurredAt()} is stored, as ISO-8601. */
  public static final String OCCURRED_AT = "occurredAt";

  private static final Metadata NONE = new Metadata(new TreeMap<>());

  private final Map<String, String> entries;

  private Metadata(Map<String, String> entries) {
    this.entries = Collections.unmodifiableMap(entries);
  }

  /**
   * Metadata that says nothing.
   *
   * @return the empty metadata
   */
  public static Metadata none() {
    return NONE;
  }

  /**
   * Metadata as stored.
   *
   * @param entries all entries by name, the named ones among them
   * @return the metadata
   */
  public static Metadata of(Map<String, String> entries) {
    return entries.isEmpty() ? NONE : new Metadata(new TreeMap<>(entries));
  }

  /**
   * What ties together everything that one request from outside set off.
   *
   * @param id the request's id
   * @return a copy that has it
   */
  public Metadata withCorrelationId(String id) {
    return with(CORRELATION_ID, id);
  }

  /**
   * The event or command that this event is a direct answer to.
   *
   * @param id its id
   * @return a copy that has it
   */
  public Metadata withCausationId(String id) {
    return with(CAUSATION_ID, id);
  }

  /**
   * On whose behalf the event came about.
   *
   * @param id the user's id
   * @return a copy that has it
   */
  public Metadata withUserId(String id) {
    return with(USER_ID, id);
  }

  /**
   * When the thing happened in the world, which may be long before it was recorded.
   *
   * @param at the instant
   * @return a copy that has it
   */
  public Metadata withOccurredAt(Instant at) {
    return with(OCCURRED_AT, at.toString());
  }

  /**
   * A free entry.
   *
   * @param name not blank
   * @param value text without NUL
   * @return a copy that has it
   * @throws IllegalArgumentException if the name is blank or one of both cannot be stored
   */
  public Metadata with(String name, String value) {
    if (name.isBlank()) {
      throw new IllegalArgumentException("the name of a metadata entry is blank");
    }
    Text.requireStorable("the name of a metadata entry", name);
    Text.requireStorable("metadata entry '" + name + "'", value);
    Map<String, String> copy = new TreeMap<>(entries);
    copy.put(name, value);
    return new Metadata(copy);
  }

  /**
   * What ties together everything that one request from outside set off.
   *
   * @return the id, if there is one
   */
  public Optional<String> correlationId() {
    return get(CORRELATION_ID);
  }

  /**
   * The event or command that this event is a direct answer to.
   *
   * @return the id, if there is one
   */
  public Optional<String> causationId() {
    return get(CAUSATION_ID);
  }

  /**
   * On whose behalf the event came about.
   *
   * @return the id, if there is one
   */
  public Optional<String> userId() {
    return get(USER_ID);
  }

  /**
   * When the thing happened in the world.
   *
   * @return the instant, if there is one
   * @throws java.time.format.DateTimeParseException if another writer stored a value that is not an
   *     instant
   */
  public Optional<Instant> occurredAt() {
    return get(OCCURRED_AT).map(Instant::parse);
  }

  /**
   * An entry by its name.
   *
   * @param name a free one's or a named one's
   * @return the value, if there is one
   */
  public Optional<String> get(String name) {
    return Optional.ofNullable(entries.get(name));
  }

  /**
   * All entries, as they are stored.
   *
   * @return by name, in the order of names; unmodifiable
   */
  public Map<String, String> entries() {
    return entries;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Metadata that && entries.equals(that.entries);
  }

  @Override
  public int hashCode() {
    return entries.hashCode();
  }

  @Override
  public String toString() {
    return entries.toString();
  }
}
