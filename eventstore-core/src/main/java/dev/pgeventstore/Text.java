package dev.pgeventstore;

/** What PostgreSQL can store as text, and in which order its "C" collation puts it. */
final class Text {

  private Text() {}

  /** Refuses NUL and lone surrogates: the one is refused by the server, the other has no UTF-8. */
  static void requireStorable(String what, String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == 0) {
        throw new IllegalArgumentException(what + " has a NUL character at index " + i);
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        throw new IllegalArgumentException(what + " has half a surrogate pair at index " + i);
      }
    }
  }

  /** The length in UTF-8 of text that {@link #requireStorable} let pass, without encoding it. */
  static int utf8Length(String text) {
    int bytes = text.length();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        // A surrogate pair is two chars and four bytes.
        bytes += c < 0x800 || Character.isSurrogate(c) ? 1 : 2;
      }
    }
    return bytes;
  }

  /**
   * Code point order is the byte order of UTF-8; {@link String#compareTo} is not, since surrogates
   * sort below U+E000.
   */
  static int compareUtf8(String a, String b) {
    int common = Math.min(a.length(), b.length());
    for (int i = 0; i < common; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean supplementaryX = Character.isSurrogate(x);
        boolean supplementaryY = Character.isSurrogate(y);
        return supplementaryX == supplementaryY ? x - y : supplementaryX ? 1 : -1;
      }
    }
    return a.length() - b.length();
  }
}
