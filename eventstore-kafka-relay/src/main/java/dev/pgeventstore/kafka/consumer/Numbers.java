package dev.pgeventstore.kafka.consumer;

/** Numbers in headers: digits and nothing else, so that garbled ones are not taken for others. */
final class Numbers {

  private static final int MOST_DIGITS = 19;

  private Numbers() {}

  static long parseLong(String text) {
    boolean digits =
        !text.isEmpty()
            && text.length() <= MOST_DIGITS
            && text.chars().allMatch(character -> character >= '0' && character <= '9');
    if (!digits) {
      throw new IllegalArgumentException("'%.40s' is no number".formatted(text));
    }
    // 19 digits may still be too much: what it throws is an IllegalArgumentException as well.
    return Long.parseLong(text);
  }

  static int parseInt(String text) {
    long number = parseLong(text);
    if (number > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("'%s' is too large a number".formatted(text));
    }
    return (int) number;
  }
}
