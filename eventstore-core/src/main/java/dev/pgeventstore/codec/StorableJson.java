package dev.pgeventstore.codec;

import org.jspecify.annotations.Nullable;

/**
 * What can be stored as JSON and read again: one value as RFC 8259 defines it, in UTF-8, without
 * what PostgreSQL's jsonb cannot hold, and within limits that parsers have. For authors of codecs.
 */
public final class StorableJson {

  /** How deep arrays and objects may be nested: what parsers allow, and a thread's stack bears. */
  public static final int MAX_DEPTH = 500;

  /** How many characters a number may have, which is what parsers allow by default. */
  public static final int MAX_NUMBER_LENGTH = 1_000;

  private StorableJson() {}

  /**
   * Checks what is to be stored, whatever its source: generators, too, write NaN and halves of
   * surrogate pairs.
   *
   * <p>Flaws are: what is not JSON; the character {@code \u0000}; an escaped half of a surrogate
   * pair; a number beyond the range of {@code numeric}; and what is over one of the limits. A text
   * says which of them it is.
   *
   * @param json bytes, not changed
   * @return why it cannot be stored, as a sentence that begins with "it"; or null
   */
  public static @Nullable String flawOf(byte[] json) {
    JsonScanner scanner = new JsonScanner(json, true);
    return scanner.document() ? null : scanner.flaw;
  }
}
