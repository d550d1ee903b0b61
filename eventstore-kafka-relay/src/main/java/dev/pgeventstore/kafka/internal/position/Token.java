package dev.pgeventstore.kafka.internal.position;

import java.util.UUID;

/**
 * What ties records to a state of the database: the database has it before any of them is sent
 * (docs/adr/0022).
 *
 * @param epoch random, of one lead of one lane: two copies of a database never draw the same
 * @param number 1 or more, increasing over the epochs of a database
 */
public record Token(String epoch, long number) {

  /** The most characters of a token. */
  public static final int LONGEST = 30;

  /** A name that no other lead has had, of up to 10 characters. */
  static String newEpoch() {
    return Long.toString(UUID.randomUUID().getMostSignificantBits() >>> 16, 36);
  }

  /**
   * Reads it back.
   *
   * @throws IllegalArgumentException if it is none
   */
  public static Token parse(String text) {
    int colon = text.indexOf(':');
    if (colon < 1) {
      throw new IllegalArgumentException("'" + text + "' is no token");
    }
    return new Token(text.substring(0, colon), Long.parseLong(text.substring(colon + 1)));
  }

  @Override
  public String toString() {
    return epoch + ':' + number;
  }
}
