package dev.pgeventstore;

import dev.pgeventstore.internal.Contents;
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

  static {
    Contents.give(
        new Contents() {
          @Override
          protected EncodedEvent wrapped(String type, int revision, byte[] json) {
            return new EncodedEvent(type, revision, json);
          }

          @Override
          protected byte[] opened(EncodedEvent content) {
            return content.data;
          }
        });
  }

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
   * @param type the stable type name; names that start with {@code $} are the store's, and are
   *     refused when they are appended
   * @param revision of the type's shape, 1 or more
   * @param json copied
   * @return the content
   * @throws IllegalArgumentException if the type is blank, too long or cannot be stored, or the
   *     revision is below 1
   */
  public static EncodedEvent of(String type, int revision, byte[] json) {
    if (type.isBlank()) {
      throw new IllegalArgumentException("an event type is blank");
    }
    Text.requireStorable("event type", type);
    if (Text.utf8Length(type) > MAX_TYPE_BYTES) {
      throw new IllegalArgumentException(
          "event type '%.40s…' takes more than %d bytes in UTF-8".formatted(type, MAX_TYPE_BYTES));
    }
    if (revision < 1) {
      throw new IllegalArgumentException(
          "event type '%s' has revision %d; revisions start at 1".formatted(type, revision));
    }
    return new EncodedEvent(type, revision, json.clone());
  }

  /**
   * Content from JSON text.
   *
   * @param type the stable type name; names that start with {@code $} are the store's, and are
   *     refused when they are appended
   * @param revision of the type's shape, 1 or more
   * @param json the JSON text
   * @return the content
   * @throws IllegalArgumentException if the type is blank, too long or cannot be stored, or the
   *     revision is below 1
   */
  public static EncodedEvent of(String type, int revision, String json) {
    return of(type, revision, json.getBytes(StandardCharsets.UTF_8));
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
   * Whether the type is one of the store's own: its name starts with {@code $}. No such event can
   * be appended.
   *
   * @return false for the types of applications
   */
  public boolean isReserved() {
    return type.startsWith("$");
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
   * The JSON in UTF-8.
   *
   * @return a copy
   */
  public byte[] dataUtf8() {
    return data.clone();
  }

  /**
   * How long the JSON is in UTF-8.
   *
   * @return its bytes
   */
  public int length() {
    return data.length;
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
