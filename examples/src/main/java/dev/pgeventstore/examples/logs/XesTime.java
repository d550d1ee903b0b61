package dev.pgeventstore.examples.logs;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.TemporalAccessor;
import java.util.Locale;

/** The formats in which logs write a time: ISO 8601 and variants of it. */
final class XesTime {

  /** A date, or a date and a time, with a T or a blank between them, with or without an offset. */
  private static final DateTimeFormatter FORMAT =
      new DateTimeFormatterBuilder()
          .append(DateTimeFormatter.ISO_LOCAL_DATE)
          .optionalStart()
          .appendPattern("['T'][' ']")
          .append(DateTimeFormatter.ISO_LOCAL_TIME)
          .appendPattern("[' ']")
          .appendPattern("[XXXXX][XXXX][X]")
          .optionalEnd()
          .toFormatter(Locale.ROOT);

  private XesTime() {}

  /**
   * Reads a time. Without an offset it is in UTC.
   *
   * @throws DateTimeException if the text is not a time
   */
  static OffsetDateTime parse(String text) {
    TemporalAccessor time =
        FORMAT.parseBest(text, OffsetDateTime::from, LocalDateTime::from, LocalDate::from);
    if (time instanceof OffsetDateTime whole) {
      return whole;
    }
    LocalDateTime local =
        time instanceof LocalDate day ? day.atStartOfDay() : LocalDateTime.from(time);
    return local.atOffset(ZoneOffset.UTC);
  }
}
