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

/** The ways in which logs write a time: those of ISO 8601, more or less. */
final class XesTime {

  /** A day, or a day and a time; with a T or a blank between; with an offset or none. */
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
   * Reads a time. Where no offset is written, it is taken for UTC.
   *
   * @throws DateTimeException if it is none
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
