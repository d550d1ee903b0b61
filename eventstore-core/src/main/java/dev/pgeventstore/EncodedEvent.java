package dev.pgeventstore;

import java.nio.charset.StandardCharsets;

/**
 * An event's content as it is stored: a stable type name, the revision of its shape, and JSON.
 *
 * <p>Appending one instead of a domain object stores the given JSON as it is, after a check that it
 * is JSON.
 */
public final class EncodedEvent {

  /** The most bytes a type name may take in UTF-8. */
  public static final int MAX_TYPE_BYTES = 128;

  private final String type;
  private final int revision;
  private final byte[] data;

  private EncodedEvent(String type, int revision, byte[] data) {
    this.type = type;
    this.revision = revision;
    this.data = data;
  }

  /**
   * Content from JSON in UTF-8.
   *
   * @param type the stable type name; names that start with {@code $} are the store's
   * @param revision of the type's shape, 1 or more
   * @param json taken over as it is, so it must not be changed afterwards
   * @return the content
   * @throws IllegalArgumentException if the type is blank, too long, reserved or cannot be stored,
   *     or the revision is below 1
   */
  public static EncodedEvent of(String type, int revision, byte[] json) {
    if (type.isBlank()) {
      throw new IllegalArgumentException("an event type is blank");
    }
    Text.requireStorable("event type", type);
    if (type.startsWith("$")) {
      throw new IllegalArgumentException(
          "event type '%s' starts with '$', which is reserved for the store".formatted(type));
    }
    if (Text.utf8Length(type) > MAX_TYPE_BYTES) {
      throw new IllegalArgumentException(
          "event type '%.40s…' takes more than %d bytes in UTF-8".formatted(type, MAX_TYPE_BYTES));
    }
    if (revision < 1) {
      throw new IllegalArgumentException(
          "event type '%s' has revision %d; revisions start at 1".formatted(type, revision));
    }
    return new EncodedEvent(type, revision, json);
  }

  /**
   * Content from JSON text.
   *
   * @param type the stable type name; names that start with {@code $} are the store's
   * @param revision of the type's shape, 1 or more
   * @param json the JSON text
   * @return the content
   * @throws IllegalArgumentException if the type is blank, too long, reserved or cannot be stored,
   *     or the revision is below 1
   */
  public static EncodedEvent of(String type, int revision, String json) {
    return of(type, revision, json.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Content that was checked when it was stored. For stores: nothing is checked again.
   *
   * @param type the stable type name
   * @param revision of the type's shape
   * @param json in UTF-8, taken over as it is
   * @return the content
   */
  public static EncodedEvent stored(String type, int revision, byte[] json) {
    return new EncodedEvent(type, revision, json);
  }

  /**
   * The stable type name.
   *
   * @return never blank
   */
  public String type() {
    return type;
  }

  /**
   * The revision of the type's shape.
   *
   * @return 1 or more
   */
  public int revision() {
    return revision;
  }

  /**
   * The JSON in UTF-8. It is the array itself, for speed: read it, do not change it.
   *
   * @return the bytes
   */
  public byte[] dataUtf8() {
    return data;
  }

  /**
   * The JSON text.
   *
   * @return as it was stored
   */
  public String data() {
    return new String(data, StandardCharsets.UTF_8);
  }

  @Override
  public String toString() {
    return type + " revision " + revision;
  }
}
