package dev.pgeventstore.codec.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Currency;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/** Any value of a type, made by chance. */
final class AnyValue {

  private static final List<String> ZONES =
      ZoneId.getAvailableZoneIds().stream().filter(zone -> zone.contains("/")).sorted().toList();

  private final Random random;
  private int depth;

  private AnyValue(Random random) {
    this.random = random;
  }

  static Object of(Type type, Random random) throws ReflectiveOperationException {
    return new AnyValue(random).any(type, Map.of());
  }

  private Object any(Type type, Map<TypeVariable<?>, Type> variables)
      throws ReflectiveOperationException {
    if (type instanceof TypeVariable<?> variable) {
      return any(variables.get(variable), variables);
    }
    if (type instanceof ParameterizedType generic) {
      return generic((Class<?>) generic.getRawType(), generic.getActualTypeArguments(), variables);
    }
    Class<?> raw = (Class<?>) type;
    if (raw.isRecord()) {
      return record(raw, variables);
    }
    // Some of the platform's own types are sealed in newer Java (ZoneId): they have values below.
    boolean ours = raw.getClassLoader() != null;
    if (ours && raw.isSealed() && !raw.isEnum()) {
      Class<?>[] permitted = raw.getPermittedSubclasses();
      return any(permitted[random.nextInt(permitted.length)], variables);
    }
    if (raw.isArray()) {
      Object array = Array.newInstance(raw.getComponentType(), random.nextInt(4));
      for (int i = 0; i < Array.getLength(array); i++) {
        Array.set(array, i, any(raw.getComponentType(), variables));
      }
      return array;
    }
    return raw.isEnum()
        ? raw.getEnumConstants()[random.nextInt(raw.getEnumConstants().length)]
        : simple(raw);
  }

  private Object record(Class<?> raw, Map<TypeVariable<?>, Type> variables)
      throws ReflectiveOperationException {
    RecordComponent[] components = raw.getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Object[] values = new Object[components.length];
    depth++;
    for (int i = 0; i < types.length; i++) {
      types[i] = components[i].getType();
      boolean nothing = types[i] == raw && random.nextInt(3) < depth;
      values[i] = nothing ? null : any(components[i].getGenericType(), variables);
    }
    depth--;
    Constructor<?> constructor = raw.getDeclaredConstructor(types);
    constructor.setAccessible(true);
    try {
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      // Its constructor refuses some values.
      return record(raw, variables);
    }
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private Object generic(Class<?> raw, Type[] arguments, Map<TypeVariable<?>, Type> outer)
      throws ReflectiveOperationException {
    if (raw.isRecord()) {
      Map<TypeVariable<?>, Type> variables = new HashMap<>();
      for (int i = 0; i < arguments.length; i++) {
        variables.put(raw.getTypeParameters()[i], arguments[i]);
      }
      return record(raw, variables);
    }
    if (raw == Optional.class) {
      return random.nextInt(3) == 0 ? Optional.empty() : Optional.of(any(arguments[0], outer));
    }
    int size = Math.max(0, random.nextInt(4) - Math.max(0, depth - 1));
    if (Map.class.isAssignableFrom(raw)) {
      Map<Object, Object> map =
          raw == EnumMap.class
              ? new EnumMap((Class) arguments[0])
              : raw == LinkedHashMap.class
                  ? new LinkedHashMap<>()
                  : raw.isAssignableFrom(HashMap.class) ? new HashMap<>() : new TreeMap<>();
      for (int i = 0; i < size; i++) {
        map.put(any(arguments[0], outer), any(arguments[1], outer));
      }
      return map;
    }
    Collection<Object> collection =
        raw == EnumSet.class
            ? (Collection) EnumSet.noneOf((Class) arguments[0])
            : raw == LinkedHashSet.class
                ? new LinkedHashSet<>()
                : raw.isAssignableFrom(ArrayList.class)
                    ? new ArrayList<>()
                    : raw.isAssignableFrom(HashSet.class) ? new HashSet<>() : new TreeSet<>();
    for (int i = 0; i < size; i++) {
      collection.add(any(arguments[0], outer));
    }
    return collection;
  }

  private Object simple(Class<?> raw) {
    return switch (raw.getSimpleName()) {
      case "boolean", "Boolean" -> random.nextBoolean();
      case "byte", "Byte" -> (byte) random.nextInt();
      case "short", "Short" -> (short) random.nextInt();
      case "int", "Integer" -> random.nextInt() >> random.nextInt(32);
      case "long", "Long" -> random.nextLong() >> random.nextInt(64);
      case "float", "Float" -> finite(Float.intBitsToFloat(random.nextInt()));
      case "double", "Double" -> finite(Double.longBitsToDouble(random.nextLong()));
      case "char", "Character" -> (char) (1 + random.nextInt(0xd7ff));
      case "String" -> text();
      case "BigDecimal" ->
          new BigDecimal(new BigInteger(random.nextInt(200), random), random.nextInt(90) - 45);
      case "BigInteger" -> new BigInteger(random.nextInt(400), random).negate();
      case "UUID" -> new UUID(random.nextLong(), random.nextLong());
      case "URI" -> URI.create("https://example.org/" + Math.abs(random.nextInt()) + "?a=%20#x");
      case "Currency" -> Currency.getInstance(random.nextBoolean() ? "EUR" : "JPY");
      case "Locale" -> random.nextBoolean() ? Locale.GERMANY : Locale.forLanguageTag("pt-BR");
      case "OptionalInt" ->
          random.nextBoolean() ? OptionalInt.empty() : OptionalInt.of(random.nextInt());
      case "OptionalLong" ->
          random.nextBoolean() ? OptionalLong.empty() : OptionalLong.of(random.nextLong());
      case "OptionalDouble" ->
          random.nextBoolean() ? OptionalDouble.empty() : OptionalDouble.of(random.nextDouble());
      default -> time(raw);
    };
  }

  private Object time(Class<?> raw) {
    // The year 0 to 9999, any nanosecond.
    Instant instant =
        Instant.ofEpochSecond(
            -62_135_596_800L + (long) (random.nextDouble() * 315_500_000_000L),
            random.nextBoolean() ? 0 : random.nextInt(1_000_000_000));
    ZoneOffset offset = ZoneOffset.ofTotalSeconds((random.nextInt(145) - 72) * 900);
    OffsetDateTime time = instant.atOffset(offset);
    return switch (raw.getSimpleName()) {
      case "Instant" -> instant;
      case "LocalDate" -> time.toLocalDate();
      case "LocalTime" -> time.toLocalTime();
      case "LocalDateTime" -> time.toLocalDateTime();
      case "OffsetDateTime" -> time;
      case "OffsetTime" -> time.toOffsetTime();
      case "ZonedDateTime" -> zoned(instant, offset);
      case "ZoneId" -> ZoneId.of(ZONES.get(random.nextInt(ZONES.size())));
      case "ZoneOffset" -> offset;
      case "Duration" -> Duration.ofNanos(random.nextLong());
      case "Period" -> Period.of(random.nextInt(), random.nextInt(), random.nextInt());
      case "Year" -> Year.from(time);
      case "YearMonth" -> YearMonth.from(time);
      case "MonthDay" -> MonthDay.from(time);
      default -> throw new AssertionError("no values of " + raw);
    };
  }

  /** Any zone, and hours that come twice as well. */
  private ZonedDateTime zoned(Instant instant, ZoneOffset offset) {
    ZoneId zone = ZoneId.of(ZONES.get(random.nextInt(ZONES.size())));
    return switch (random.nextInt(4)) {
      case 0 -> instant.atZone(offset);
      case 1 -> instant.atZone(ZoneId.of("UTC"));
      case 2 ->
          Instant.parse("2026-10-24T22:00:00Z")
              .plusSeconds(random.nextInt(20_000))
              .atZone(ZoneId.of("Europe/Berlin"));
      default ->
          // Offsets of local mean time have seconds, which ISO-8601 does not have.
          LocalDateTime.of(2026, 1 + random.nextInt(12), 1 + random.nextInt(28), 3, 4).atZone(zone);
    };
  }

  private static Object finite(Number number) {
    if (Double.isFinite(number.doubleValue())) {
      return number;
    }
    return number instanceof Float ? (Number) 0.1f : (Number) 0.1;
  }

  private String text() {
    return random
        .ints(random.nextInt(8), 1, Character.MAX_CODE_POINT + 1)
        .map(c -> random.nextBoolean() ? c : 1 + c % 0x17f)
        .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  /** Arrays by what is in them, and everything else by its own equality. */
  static void assertEqual(Object read, Object written, String json)
      throws ReflectiveOperationException {
    if (written != null && written.getClass().isRecord()) {
      assertThat(read).as(json).hasSameClassAs(written);
      for (RecordComponent component : written.getClass().getRecordComponents()) {
        component.getAccessor().setAccessible(true);
        assertEqual(
            component.getAccessor().invoke(read), component.getAccessor().invoke(written), json);
      }
    } else {
      assertThat(read).as(json).isEqualTo(written);
    }
  }
}
