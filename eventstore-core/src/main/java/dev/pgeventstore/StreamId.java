package dev.pgeventstore;

/**
 * The name of a stream: a category and a key, written {@code category-key}.
 *
 * <p>The first {@code -} separates the two, so a category has none and a key may have many: {@code
 * order-2026-42} is key {@code 2026-42} of category {@code order}. The written form takes at most
 * {@value #MAX_BYTES} bytes of UTF-8.
 *
 * @param category what kind of thing the stream is the history of, such as {@code order}
 * @param key which one of them, such as {@code 42}
 */
public record StreamId(String category, String key) implements Comparable<StreamId> {

  /** The most bytes the written form may take in UTF-8. */
  public static final int MAX_BYTES = 255;

  /**
   * Checks both parts.
   *
   * @param category what kind of thing
   * @param key which one
   * @throws IllegalArgumentException if a part is blank, has a character that cannot be stored, or
   *     the whole is too long
   */
  public StreamId {
    requireText("category", category);
    requireText("key", key);
    if (category.indexOf('-') >= 0) {
      throw new IllegalArgumentException(
          "stream category '%s' has a '-', which separates category and key".formatted(category));
    }
    int bytes = Text.utf8Length(category) + 1 + Text.utf8Length(key);
    if (bytes > MAX_BYTES) {
      throw new IllegalArgumentException(
          "stream id '%.40s…' takes %d bytes in UTF-8, at most %d are allowed"
              .formatted(category + '-' + key, bytes, MAX_BYTES));
    }
  }

  /**
   * The stream of one thing.
   *
   * @param category what kind of thing
   * @param key which one
   * @return the stream's id
   * @throws IllegalArgumentException if a part is blank, has a character that cannot be stored, or
   *     the whole is too long
   */
  public static StreamId of(String category, String key) {
    return new StreamId(category, key);
  }

  /**
   * Reads the written form back.
   *
   * @param text {@code category-key}
   * @return the stream's id
   * @throws IllegalArgumentException if there is no {@code -} or a part is not allowed
   */
  public static StreamId parse(String text) {
    int dash = text.indexOf('-');
    if (dash < 0) {
      throw new IllegalArgumentException(
          "stream id '%s' has no '-' between category and key".formatted(text));
    }
    return new StreamId(text.substring(0, dash), text.substring(dash + 1));
  }

  private static void requireText(String part, String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("the " + part + " of a stream id is blank");
    }
    Text.requireStorable("the " + part + " of a stream id", text);
  }

  /** By the written form, in the byte order of UTF-8: the order in which stream rows are locked. */
  @Override
  public int compareTo(StreamId other) {
    return category.equals(other.category)
        ? Text.compareUtf8(key, other.key)
        : Text.compareUtf8(toString(), other.toString());
  }

  @Override
  public String toString() {
    return category + '-' + key;
  }
}
