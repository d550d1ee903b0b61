package dev.pgeventstore.codec;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Walks through JSON as RFC 8259 defines it, in UTF-8 and without a copy. Each method takes what it
 * is named after, or says in {@link #flaw} why it cannot. For one thread.
 *
 * <p>It is longer than other classes because it is one pass over the text, without a method call
 * for each character.
 */
final class JsonScanner {

  // What the type numeric holds.
  private static final int MAX_DIGITS_BEFORE_POINT = 131_072;
  private static final int MAX_DIGITS_AFTER_POINT = 16_383;

  private static final int NONE = -1;

  final byte[] json;
  private final boolean storable;
  int at;
  @Nullable String flaw;

  /**
   * At the first byte.
   *
   * @param storable whether what jsonb cannot hold is a flaw, too
   */
  JsonScanner(byte[] json, boolean storable) {
    this.json = json;
    this.storable = storable;
  }

  /** One value, and nothing but white space around it. */
  boolean document() {
    skipSpace();
    if (at == json.length) {
      return flaw("it is not JSON: it is empty");
    }
    if (!value()) {
      return false;
    }
    skipSpace();
    return at == json.length || flaw("it is not JSON: something follows the value at byte " + at);
  }

  void skipSpace() {
    while (at < json.length) {
      byte b = json[at];
      if (b != ' ' && b != '\n' && b != '\r' && b != '\t') {
        return;
      }
      at++;
    }
  }

  int peek() {
    return at < json.length ? json[at] : NONE;
  }

  boolean take(char expected) {
    if (peek() != expected) {
      return unexpected();
    }
    at++;
    return true;
  }

  /** One value with all that is in it. Containers are no recursion: depth costs no stack. */
  boolean value() {
    long[] objects = new long[(StorableJson.MAX_DEPTH >> 6) + 1];
    int depth = 0;
    while (true) {
      skipSpace();
      int first = peek();
      if (first == '{' || first == '[') {
        if (++depth > StorableJson.MAX_DEPTH) {
          return flaw(
              "it is over a limit: its arrays and objects are nested more than %d deep"
                  .formatted(StorableJson.MAX_DEPTH));
        }
        boolean object = first == '{';
        setBit(objects, depth, object);
        at++;
        skipSpace();
        if (peek() != (object ? '}' : ']')) {
          if (object && !name()) {
            return false;
          }
          continue;
        }
      } else if (!scalar(first)) {
        return false;
      }
      // Behind a value, or at the end of an empty container.
      while (true) {
        if (depth == 0) {
          return true;
        }
        skipSpace();
        boolean object = ((objects[depth >> 6] >>> depth) & 1) != 0;
        int next = peek();
        if (next == ',') {
          at++;
          skipSpace();
          if (object && !name()) {
            return false;
          }
          break;
        }
        if (next != (object ? '}' : ']')) {
          return unexpected();
        }
        at++;
        depth--;
      }
    }
  }

  private static void setBit(long[] bits, int index, boolean value) {
    if (value) {
      bits[index >> 6] |= 1L << index;
    } else {
      bits[index >> 6] &= ~(1L << index);
    }
  }

  private boolean name() {
    if (!string()) {
      return false;
    }
    skipSpace();
    return take(':');
  }

  private boolean scalar(int first) {
    return switch (first) {
      case '"' -> string();
      case 't' -> word("true");
      case 'f' -> word("false");
      case 'n' -> word("null");
      default -> (first == '-' || isDigit(first)) ? number() : unexpected();
    };
  }

  private boolean word(String word) {
    for (int i = 0; i < word.length(); i++) {
      if (!take(word.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  boolean string() {
    if (!take('"')) {
      return false;
    }
    byte[] bytes = json;
    int i = at;
    while (i < bytes.length) {
      byte b = bytes[i];
      if (b == '"') {
        at = i + 1;
        return true;
      }
      if (b == '\\') {
        at = i;
        if (!escape()) {
          return false;
        }
        i = at;
      } else if (b >= ' ') {
        i++;
      } else {
        at = i;
        if (b >= 0) {
          return flaw(
              "it is not JSON: a string has the control character 0x%02x at byte %d"
                  .formatted(b, i));
        }
        if (!multiByte()) {
          return flaw("it is not JSON: it is not valid UTF-8 at byte " + i);
        }
        i = at;
      }
    }
    at = i;
    return unexpected();
  }

  private boolean escape() {
    at++;
    switch (peek()) {
      case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> {
        at++;
        return true;
      }
      case 'u' -> {
        at--;
        return unicodeEscape();
      }
      default -> {
        return unexpected();
      }
    }
  }

  private boolean unicodeEscape() {
    int unit = unit();
    if (unit < 0) {
      return unexpected();
    }
    if (!storable) {
      return true;
    }
    if (unit == 0) {
      return flaw("it has the character \\u0000, which PostgreSQL's jsonb cannot hold");
    }
    if (unit < Character.MIN_SURROGATE || unit > Character.MAX_SURROGATE) {
      return true;
    }
    boolean another = at + 1 < json.length && json[at] == '\\' && json[at + 1] == 'u';
    if (unit <= Character.MAX_HIGH_SURROGATE && another) {
      int low = unit();
      if (low < 0) {
        return unexpected();
      }
      if (low >= Character.MIN_LOW_SURROGATE && low <= Character.MAX_LOW_SURROGATE) {
        return true;
      }
    }
    return flaw("it has half a surrogate pair, \\u%04x, which is no character".formatted(unit));
  }

  /** A backslash, a u and four digits; or -1. */
  private int unit() {
    at++;
    if (peek() != 'u') {
      return NONE;
    }
    at++;
    int unit = 0;
    for (int end = at + 4; at < end; at++) {
      int digit = Character.digit(peek(), 16);
      if (digit < 0) {
        return NONE;
      }
      unit = (unit << 4) | digit;
    }
    return unit;
  }

  /** A character of two to four bytes: none that has a shorter form, is half a pair or too high. */
  private boolean multiByte() {
    int first = json[at] & 0xff;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || at + more >= json.length) {
      return false;
    }
    int second = json[at + 1] & 0xff;
    int lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    int highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < lowest || second > highest) {
      return false;
    }
    for (int i = 2; i <= more; i++) {
      if ((json[at + i] & 0xc0) != 0x80) {
        return false;
      }
    }
    at += more + 1;
    return true;
  }

  private boolean number() {
    int start = at;
    if (peek() == '-') {
      at++;
    }
    if (peek() == '0') {
      at++;
    } else if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      at++;
      if (!digits()) {
        return false;
      }
    }
    boolean exponent = (peek() | 0x20) == 'e';
    if (exponent) {
      at++;
      if (peek() == '+' || peek() == '-') {
        at++;
      }
      if (!digits()) {
        return false;
      }
    }
    if (!storable) {
      return true;
    }
    if (at - start > StorableJson.MAX_NUMBER_LENGTH) {
      return flaw(
          "it is over a limit: it has a number of more than %d characters"
              .formatted(StorableJson.MAX_NUMBER_LENGTH));
    }
    return !exponent
        || isNumeric(new String(json, start, at - start, StandardCharsets.US_ASCII))
        || flaw("it has a number that is too large or too small for PostgreSQL's jsonb");
  }

  private boolean digits() {
    int start = at;
    while (isDigit(peek())) {
      at++;
    }
    return at > start || unexpected();
  }

  private static boolean isDigit(int b) {
    return b >= '0' && b <= '9';
  }

  private static boolean isNumeric(String number) {
    try {
      BigDecimal value = new BigDecimal(number);
      return value.precision() - (long) value.scale() <= MAX_DIGITS_BEFORE_POINT
          && value.scale() <= MAX_DIGITS_AFTER_POINT;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private boolean unexpected() {
    int b = peek();
    return flaw(
        at >= json.length
            ? "it is not JSON: it ends too early"
            : b > ' ' && b < 0x7f
                ? "it is not JSON: unexpected '%c' at byte %d".formatted(b, at)
                : "it is not JSON: unexpected byte 0x%02x at byte %d".formatted(b & 0xff, at));
  }

  private boolean flaw(String what) {
    flaw = what;
    return false;
  }
}
