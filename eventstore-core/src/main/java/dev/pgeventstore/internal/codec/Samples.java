package dev.pgeventstore.internal.codec;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Collection;
import java.util.Currency;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Values of classes that JSON has no type for, chosen to show what gets lost. */
final class Samples {

  private static final Map<Class<?>, List<?>> SAMPLES = new HashMap<>();

  static {
    both(boolean.class, Boolean.class, true, false);
    both(byte.class, Byte.class, Byte.MIN_VALUE, Byte.MAX_VALUE);
    both(short.class, Short.class, Short.MIN_VALUE, Short.MAX_VALUE);
    both(int.class, Integer.class, Integer.MIN_VALUE, 0, Integer.MAX_VALUE);
    both(long.class, Long.class, Long.MIN_VALUE, 0L, (1L << 53) + 1, Long.MAX_VALUE);
    both(float.class, Float.class, 0.1f, -0.0f, 1f, Float.MIN_VALUE, Float.MAX_VALUE);
    both(double.class, Double.class, 0.1, -0.0, 1.0, Double.MIN_VALUE, Double.MAX_VALUE);
    both(char.class, Character.class, 'a', '"', 'é');
    put(String.class, "text", "", "null", "1.50", " \"\\/\n\t é \ud83d\ude00");
    put(
        BigDecimal.class,
        new BigDecimal("1.50"),
        new BigDecimal("1E+3"),
        new BigDecimal("0.00"),
        new BigDecimal("-1234567890123456789012345.12345678901234567890"));
    put(BigInteger.class, BigInteger.ZERO, BigInteger.TEN.pow(40).negate());
    put(UUID.class, UUID.fromString("01234567-89ab-7def-8123-456789abcdef"));
    put(URI.class, URI.create("https://example.org/a%20b?c=d#e"), URI.create("urn:a:b"));
    put(Currency.class, Currency.getInstance("EUR"));
    put(Locale.class, Locale.GERMANY, Locale.ENGLISH, Locale.forLanguageTag("zh-Hant-TW"));
    put(OptionalInt.class, OptionalInt.empty(), OptionalInt.of(0));
    put(OptionalLong.class, OptionalLong.empty(), OptionalLong.of(Long.MAX_VALUE));
    put(OptionalDouble.class, OptionalDouble.empty(), OptionalDouble.of(0.1));
    put(byte[].class, new byte[0], new byte[] {0, 1, -1, -128});
    putTimes();
  }

  private Samples() {}

  private static void putTimes() {
    LocalDateTime time = LocalDateTime.parse("2026-10-25T02:30:15.123456789");
    put(
        Instant.class,
        Instant.EPOCH,
        Instant.parse("2026-01-02T03:04:05.123456789Z"),
        Instant.parse("1066-10-14T08:00:00Z"));
    put(LocalDate.class, time.toLocalDate(), LocalDate.of(1066, 1, 1));
    put(LocalTime.class, time.toLocalTime(), LocalTime.MIDNIGHT, LocalTime.NOON);
    put(LocalDateTime.class, time, time.toLocalDate().atStartOfDay());
    put(
        OffsetDateTime.class,
        time.atOffset(ZoneOffset.UTC),
        time.atOffset(ZoneOffset.ofHoursMinutes(-3, -30)));
    put(
        OffsetTime.class,
        time.toLocalTime().atOffset(ZoneOffset.ofHours(9)),
        LocalTime.NOON.atOffset(ZoneOffset.UTC));
    ZoneId zone = ZoneId.of("Europe/Berlin");
    // That hour occurs twice.
    put(
        ZonedDateTime.class,
        ZonedDateTime.ofLocal(time, zone, ZoneOffset.ofHours(2)),
        ZonedDateTime.ofLocal(time, zone, ZoneOffset.ofHours(1)),
        time.atZone(ZoneId.of("UTC")),
        time.atZone(ZoneOffset.UTC),
        time.atZone(ZoneOffset.ofHours(-8)));
    put(ZoneId.class, zone, ZoneId.of("UTC"));
    put(ZoneOffset.class, ZoneOffset.UTC, ZoneOffset.ofHours(-8));
    put(Duration.class, Duration.ZERO, Duration.ofDays(400).plusNanos(1), Duration.ofNanos(-1));
    put(Period.class, Period.of(1, 14, 45), Period.ZERO);
    put(Year.class, Year.of(2026));
    put(YearMonth.class, YearMonth.of(2026, 2));
    put(MonthDay.class, MonthDay.of(2, 29));
  }

  private static void put(Class<?> type, Object... samples) {
    SAMPLES.put(type, List.of(samples));
  }

  private static void both(Class<?> primitive, Class<?> type, Object... samples) {
    put(type, samples);
    put(primitive, samples);
  }

  /** Values of a class, or none if it is not known to be kept. */
  static List<?> of(Class<?> type) {
    return SAMPLES.getOrDefault(type, List.of());
  }

  /** Whether two objects of a class are compared by what they are made of. */
  static boolean haveEquality(Class<?> type) {
    try {
      return type.getMethod("equals", Object.class).getDeclaringClass() != Object.class;
    } catch (NoSuchMethodException e) {
      throw new AssertionError("every class has it", e);
    }
  }

  /** Trees by their text, too: the digits of their numbers are no part of their equality. */
  static boolean areSame(Object written, @Nullable Object read) {
    if (written instanceof List<?> a && read instanceof List<?> b) {
      Iterator<?> others = b.iterator();
      return a.size() == b.size() && a.stream().allMatch(each -> areSame(each, others.next()));
    }
    if (read == null) {
      return false;
    }
    return Objects.deepEquals(written, read)
        && (!isTree(written) || written.toString().equals(read.toString()));
  }

  private static boolean isTree(Object value) {
    return value instanceof Iterable && !(value instanceof Collection);
  }

  static String text(@Nullable Object sample) {
    return sample == null ? "null" : sample.getClass().isArray() ? "an array" : "'" + sample + "'";
  }
}
