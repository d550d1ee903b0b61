package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.time.Instant;
import java.time.LocalDate;

/**
 * Times as {@link Instant#toString()} writes them. That one takes as long as all the rest of a
 * record.
 */
final class IsoInstant {

  private static final int SECONDS_A_DAY = 86_400;
  private static final int WITHOUT_FRACTION = "2026-01-31T12:34:56Z".length();

  private IsoInstant() {}

  static byte[] bytes(Instant instant) {
    long seconds = instant.getEpochSecond();
    LocalDate date = LocalDate.ofEpochDay(Math.floorDiv(seconds, SECONDS_A_DAY));
    if (date.getYear() < 0 || date.getYear() > 9_999) {
      return instant.toString().getBytes(US_ASCII);
    }
    int nano = instant.getNano();
    int digits = digits(nano);
    byte[] text = new byte[WITHOUT_FRACTION + (digits == 0 ? 0 : 1 + digits)];
    int second = Math.floorMod(seconds, SECONDS_A_DAY);
    put(text, 0, 4, date.getYear());
    text[4] = '-';
    put(text, 5, 2, date.getMonthValue());
    text[7] = '-';
    put(text, 8, 2, date.getDayOfMonth());
    text[10] = 'T';
    put(text, 11, 2, second / 3_600);
    text[13] = ':';
    put(text, 14, 2, second / 60 % 60);
    text[16] = ':';
    put(text, 17, 2, second % 60);
    if (digits > 0) {
      text[19] = '.';
      put(text, 20, digits, digits == 3 ? nano / 1_000_000 : digits == 6 ? nano / 1_000 : nano);
    }
    text[text.length - 1] = 'Z';
    return text;
  }

  private static int digits(int nano) {
    if (nano == 0) {
      return 0;
    }
    if (nano % 1_000_000 == 0) {
      return 3;
    }
    return nano % 1_000 == 0 ? 6 : 9;
  }

  private static void put(byte[] text, int start, int digits, int number) {
    int rest = number;
    for (int i = start + digits - 1; i >= start; i--) {
      text[i] = (byte) ('0' + rest % 10);
      rest /= 10;
    }
  }
}
