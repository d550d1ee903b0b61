package dev.pgeventstore.codec.contract;

import static dev.pgeventstore.codec.contract.Content.decode;
import static dev.pgeventstore.codec.contract.Content.encode;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.annotation.JsonValue;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.SnapshotCodec;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.net.URL;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Month;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Calendar;
import java.util.Collection;
import java.util.Currency;
import java.util.Date;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * For each type the build of a codec refuses, or what is encoded and stored comes back equal. For
 * each flaw that is known, the build refuses, and says where it is and what to do.
 */
public abstract class KeptTypesContract {

  private static final int OBJECTS = 1_000;

  /** As those of nullness libraries, of which a codec needs none. */
  @Retention(RetentionPolicy.RUNTIME)
  @Target(ElementType.TYPE_USE)
  @interface Nullable {}

  protected abstract EventCodec codec(EventTypes types);

  protected abstract EventCodec lenient(EventTypes types);

  protected abstract EventCodec trusting(EventTypes types, Class<?> trusted);

  protected abstract <S> SnapshotCodec<S> snapshots(Class<S> stateClass);

  protected abstract <S> SnapshotCodec<S> lenientSnapshots(Class<S> stateClass);

  private static EventTypes type(Class<?> type) {
    return EventTypes.builder().type(type, "it", 1).build();
  }

  private static EncodedEvent json(String json) {
    return EncodedEvent.of("it", 1, json);
  }

  private void assertKept(Object event) {
    EventCodec codec = codec(type(event.getClass()));
    EncodedEvent encoded = encode(codec, event);
    assertThat(decode(codec, json(encoded.data())))
        .as(encoded.data())
        .usingRecursiveComparison()
        .isEqualTo(event);
  }

  private void assertRefused(Class<?> type, String... words) {
    assertThat(catchThrowable(() -> codec(type(type))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(type.getName() + " cannot be kept as JSON: " + type.getSimpleName())
        .hasMessageContaining("What to do: ");
    for (String word : words) {
      assertThatThrownBy(() -> codec(type(type))).hasMessageContaining(word);
    }
    assertThatThrownBy(() -> snapshots(type)).isInstanceOf(IllegalArgumentException.class);
  }

  // What is kept

  enum Color {
    RED,
    GREEN {
      @Override
      public String toString() {
        return "grass";
      }
    }
  }

  record Numbers(
      boolean flag,
      byte one,
      short two,
      int four,
      long eight,
      float single,
      double twice,
      char letter,
      Boolean flags,
      Long large,
      BigDecimal exact,
      BigInteger huge) {}

  record Texts(String text, UUID id, URI uri, Currency currency, Locale locale, Color color) {}

  record Times(
      Instant instant,
      LocalDate date,
      LocalTime time,
      LocalDateTime both,
      OffsetDateTime offset,
      OffsetTime offsetTime,
      ZonedDateTime zoned,
      ZoneId zone,
      ZoneOffset shift,
      Duration duration,
      Period period,
      Year year,
      YearMonth month,
      MonthDay birthday,
      DayOfWeek weekday,
      Month name) {}

  record Containers(
      List<String> list,
      ArrayList<BigDecimal> arrayList,
      List<Instant> linked,
      Set<Color> set,
      HashSet<Long> hashSet,
      LinkedHashSet<String> linkedSet,
      SortedSet<LocalDate> sorted,
      TreeSet<Integer> tree,
      EnumSet<Color> colors,
      String[] texts,
      int[] ints,
      byte[] bytes,
      List<List<BigDecimal>> nested) {}

  record Maps(
      Map<String, BigDecimal> texts,
      HashMap<UUID, String> ids,
      LinkedHashMap<Integer, List<Long>> numbers,
      SortedMap<LocalDate, Color> dates,
      TreeMap<Long, Long> longs,
      NavigableMap<Instant, String> instants,
      EnumMap<Color, Double> colors,
      Map<Color, Map<String, Nested>> nested,
      Map<Sku, Integer> stock) {}

  record Optionals(
      Optional<String> text,
      Optional<BigDecimal> exact,
      OptionalInt number,
      OptionalLong large,
      OptionalDouble part,
      Optional<Nested> nested) {}

  record Nested(String name, @Nullable Nested inner, List<Nested> more) {}

  record Sku(@JsonValue String code) {
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    Sku {}
  }

  record Positive(@JsonValue int number) {
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    Positive {
      if (number <= 0) {
        throw new IllegalArgumentException("not positive: " + number);
      }
    }
  }

  record Values(Sku sku, List<Sku> more, Positive count, Box<String> text, Box<BigDecimal> exact) {}

  record Box<T>(T value) {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME)
  @JsonSubTypes({@JsonSubTypes.Type(Card.class), @JsonSubTypes.Type(Cash.class)})
  sealed interface Payment permits Card, Cash {}

  @JsonTypeName("card")
  record Card(String number) implements Payment {}

  @JsonTypeName("cash")
  record Cash(BigDecimal amount) implements Payment {}

  record Paid(Payment first, List<Payment> more, Map<String, Payment> named) {}

  static final class Classic {
    private final String name;
    private final int amount;

    @JsonCreator
    Classic(@JsonProperty("name") String name, @JsonProperty("amount") int amount) {
      this.name = name;
      this.amount = amount;
    }

    public String getName() {
      return name;
    }

    public int getAmount() {
      return amount;
    }
  }

  record Classics(Classic one, List<Classic> more) {}

  record Questions(boolean isOpen, String getName, int count) {
    public boolean isEmpty() {
      return count == 0;
    }

    public int getTwice() {
      return count * 2;
    }
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        Numbers.class,
        Texts.class,
        Times.class,
        Containers.class,
        Maps.class,
        Optionals.class,
        Values.class,
        Paid.class,
        Questions.class
      })
  void what_is_accepted_comes_back_equal(Class<?> type) throws Exception {
    EventCodec codec = codec(type(type));
    Random random = new Random(type.getName().hashCode());
    for (int i = 0; i < OBJECTS; i++) {
      Object event = AnyValue.of(type, random);
      EncodedEvent encoded = encode(codec, event);
      AnyValue.assertEqual(decode(codec, json(encoded.data())), event, encoded.data());
    }
  }

  @Test
  void classes_with_a_creator_are_kept() {
    assertKept(new Classics(new Classic("a", 1), List.of(new Classic("", -1))));
  }

  @Test
  void a_zoned_time_keeps_its_region_and_an_exact_number_its_zeros() {
    record It(ZonedDateTime at, BigDecimal price) {}
    EncodedEvent encoded =
        encode(
            codec(type(It.class)),
            new It(
                ZonedDateTime.parse("2026-10-25T02:30:00+01:00[Europe/Berlin]"),
                new BigDecimal("1.50")));
    assertThat(encoded.data())
        .isEqualTo("{\"at\":\"2026-10-25T02:30:00+01:00[Europe/Berlin]\",\"price\":1.50}");
    assertKept(decode(codec(type(It.class)), encoded));
  }

  @Test
  void methods_of_records_that_are_named_like_getters_are_not_fields() {
    assertThat(encode(codec(type(Questions.class)), new Questions(true, "n", 0)).data())
        .isEqualTo("{\"isOpen\":true,\"getName\":\"n\",\"count\":0}");
  }

  @Test
  void trees_keep_every_digit() throws Exception {
    Class<?> holder = treeHolder();
    EventCodec codec = codec(type(holder));
    String json =
        "{\"tree\":{\"a\":1.50,\"b\":[1E+3,12345678901234567890.10],\"c\":null,\"d\":{\"e\":0.10}}}";
    assertThat(encode(codec, decode(codec, json(json))).data()).isEqualTo(json);
  }

  /** A record with one component of the library's class of trees. */
  protected abstract Class<?> treeHolder();

  // What is not

  record AnyObject(Object value) {}

  record AnyMap(Map<String, Object> values) {}

  record AnyList(List<?> values) {}

  @SuppressWarnings("rawtypes")
  record Raw(Box box) {}

  sealed interface Shape permits Circle, Square {}

  record Circle(int radius) implements Shape {}

  record Square(int side) implements Shape {}

  record OneShape(Shape shape) {}

  record ManyShapes(List<Shape> shapes) {}

  record ShapesByName(Map<String, Shape> shapes) {}

  record MaybeShape(Optional<Shape> shape) {}

  record ANumber(Number number) {}

  record AText(CharSequence text) {}

  record InsideSealed(Box<Shape> box) {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME)
  interface Open {}

  @JsonTypeName("first")
  record First() implements Open {}

  record OpenHolder(Open open) {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME)
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Dog.class, name = "pet"),
    @JsonSubTypes.Type(value = Cat.class, name = "pet")
  })
  sealed interface Pet permits Dog, Cat {}

  record Dog(int age) implements Pet {}

  record Cat(int age) implements Pet {}

  record PetHolder(Pet pet) {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.DEDUCTION)
  @JsonSubTypes({@JsonSubTypes.Type(Left.class), @JsonSubTypes.Type(Right.class)})
  sealed interface Guessed permits Left, Right {}

  record Left(int a) implements Guessed {}

  record Right(int b) implements Guessed {}

  record GuessedHolder(Guessed guessed) {}

  static final class NoCreator {
    private final String name;

    private NoCreator(String text, int from) {
      this.name = text.substring(from);
    }

    static NoCreator of(String name) {
      return new NoCreator(name, 0);
    }

    public String getName() {
      return name;
    }
  }

  record HasNoCreator(NoCreator value) {}

  static final class Setters {
    private String name = "";

    public String getName() {
      return name;
    }

    public void setName(String name) {
      this.name = name;
    }
  }

  static class NotFinal {
    private final int n;

    @JsonCreator
    NotFinal(@JsonProperty("n") int n) {
      this.n = n;
    }

    public int getN() {
      return n;
    }
  }

  record HasNotFinal(NotFinal value) {}

  record Key(String a, int b) {}

  record OneText(String text) {}

  record RecordKeys(Map<Key, String> map) {}

  record OneTextKeys(Map<OneText, String> map) {}

  record ListKeys(Map<List<String>, String> map) {}

  record ShapeKeys(Map<Shape, String> map) {}

  record OneWay(@JsonValue String text, int more) {}

  record HasOneWay(OneWay value) {}

  record Formatted(@JsonFormat(pattern = "yyyy-MM-dd") LocalDateTime at) {}

  record Millis(@JsonFormat(shape = JsonFormat.Shape.STRING, pattern = "dd.MM.yy") LocalDate day) {}

  record RawJson(@JsonRawValue String json) {}

  record Derived(int a) {
    @JsonProperty
    int twice() {
      return a * 2;
    }
  }

  record LeftOut(@JsonInclude(JsonInclude.Include.NON_NULL) String text) {}

  record LeftOutIfEmpty(@JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> texts) {}

  record LeftOutIfZero(@JsonInclude(JsonInclude.Include.NON_DEFAULT) int number) {}

  record Collections(Collection<String> texts) {}

  record Queues(Queue<String> texts) {}

  record Twice(Optional<Optional<String>> text) {}

  record Dates(Date at) {}

  record Calendars(Calendar at) {}

  record Urls(URL url) {}

  record Patterns(Pattern pattern) {}

  record Atomics(AtomicInteger number) {}

  record References(AtomicReference<String> text) {}

  record Suppliers(Supplier<String> text) {}

  record Deep(List<Map<String, Optional<Box<Shape>>>> deep) {}

  record Unwrapped(@JsonUnwrapped Key key) {}

  @ParameterizedTest
  @ValueSource(
      classes = {
        AnyObject.class,
        AnyMap.class,
        AnyList.class,
        Raw.class,
        OneShape.class,
        ManyShapes.class,
        ShapesByName.class,
        MaybeShape.class,
        ANumber.class,
        AText.class,
        InsideSealed.class,
        OpenHolder.class,
        PetHolder.class,
        GuessedHolder.class,
        NoCreator.class,
        HasNoCreator.class,
        Setters.class,
        HasNotFinal.class,
        RecordKeys.class,
        OneTextKeys.class,
        ListKeys.class,
        ShapeKeys.class,
        HasOneWay.class,
        Formatted.class,
        RawJson.class,
        Derived.class,
        LeftOut.class,
        LeftOutIfEmpty.class,
        LeftOutIfZero.class,
        Collections.class,
        Queues.class,
        Twice.class,
        Dates.class,
        Calendars.class,
        Urls.class,
        Patterns.class,
        Atomics.class,
        References.class,
        Suppliers.class,
        Deep.class,
        Unwrapped.class
      })
  void types_that_could_change_or_never_be_read_are_refused_when_the_codec_is_built(Class<?> type) {
    assertRefused(type);
  }

  @Test
  void an_error_names_the_field_the_problem_and_the_remedy() {
    assertRefused(OneShape.class, "OneShape.shape", Shape.class.getName(), "@JsonTypeInfo");
    assertRefused(ManyShapes.class, "ManyShapes.shapes element", Shape.class.getName());
    assertRefused(Deep.class, "Deep.deep element element element.value", Shape.class.getName());
    assertRefused(
        HasNoCreator.class, "HasNoCreator.value", NoCreator.class.getName(), "@JsonCreator");
    assertRefused(RecordKeys.class, "RecordKeys.map", "keys of", Key.class.getName());
    assertRefused(AnyMap.class, "AnyMap.values element", "Object", "JsonNode");
    assertRefused(Setters.class, "Setters.name", "lenient()");
    assertRefused(Formatted.class, "Formatted.at", "2026-10-25");
    assertRefused(PetHolder.class, "PetHolder.pet");
  }

  @Test
  void a_trusted_class_is_not_inspected() {
    assertThatCode(() -> trusting(type(OneShape.class), OneShape.class)).doesNotThrowAnyException();
    assertThatCode(() -> trusting(type(OneShape.class), Shape.class)).doesNotThrowAnyException();
    assertThatCode(() -> trusting(type(OneTextKeys.class), OneText.class))
        .doesNotThrowAnyException();
    assertThat(catchThrowable(() -> trusting(type(OneShape.class), Circle.class))).isNotNull();
  }

  // Strict reading

  record Booking(
      String room,
      int guests,
      @Nullable String note,
      Optional<String> code,
      List<String> extras,
      Color color) {}

  private static final String FULL =
      "{\"room\":\"a\",\"guests\":2,\"note\":null,\"code\":null,\"extras\":[],\"color\":\"RED\"}";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"room\":\"a\",",
        "\"guests\":2,",
        "\"extras\":[],",
        ",\"color\":\"RED\"",
      })
  void a_property_that_is_missing_is_an_error_that_names_it(String missing) {
    EncodedEvent event = json(FULL.replace(missing, ""));
    assertThatThrownBy(() -> decode(codec(type(Booking.class)), event))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'it'")
        .hasMessageContaining(Booking.class.getName())
        .hasMessageContaining("'" + missing.replaceAll("[^a-z]*([a-z]+).*", "$1") + "'");
    assertThatCode(() -> decode(lenient(type(Booking.class)), event)).doesNotThrowAnyException();
  }

  @Test
  void a_property_that_may_be_null_may_be_missing() {
    assertThat(
            decode(
                codec(type(Booking.class)),
                json("{\"room\":\"a\",\"guests\":2,\"extras\":[],\"color\":\"RED\",\"x\":1}")))
        .isEqualTo(new Booking("a", 2, null, Optional.empty(), List.of(), Color.RED));
  }

  @Test
  void a_null_that_was_written_is_read() {
    assertKept(new Booking(null, 1, null, Optional.of(""), null, null));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"guests\":\"2\"",
        "\"guests\":2.5",
        "\"guests\":null",
        "\"guests\":true",
        "\"guests\":4294967296",
        "\"color\":0",
        "\"color\":\"BLUE\"",
        "\"color\":\"\"",
        "\"extras\":\"a\"",
        "\"extras\":{}"
      })
  void no_value_is_coerced_to_another_type(String other) {
    String name = other.substring(0, other.indexOf(':'));
    EncodedEvent event = json(FULL.replaceAll(name + ":[^,}]*", other));
    assertThatThrownBy(() -> decode(codec(type(Booking.class)), event))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'it'");
  }

  @Test
  void unknown_properties_are_ignored_in_events_and_refused_in_states() {
    record State(int sum) {}
    String more = "{\"sum\":1,\"gone\":{\"deep\":[1]}}";
    assertThat(decode(codec(type(State.class)), json(more))).isEqualTo(new State(1));
    SnapshotCodec<State> snapshots = snapshots(State.class);
    assertThat(snapshots.decode(snapshots.encode(new State(7)))).isEqualTo(new State(7));
    assertThatThrownBy(() -> snapshots.decode(more.getBytes(UTF_8)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("gone");
    assertThat(lenientSnapshots(State.class).decode(more.getBytes(UTF_8))).isEqualTo(new State(1));
  }

  // Limits

  record Vast(String text, Map<String, String> names) {}

  @Test
  void text_of_any_length_that_is_stored_can_be_read() {
    assertKept(new Vast("a".repeat(21_000_000), Map.of("b".repeat(60_000), "")));
  }

  record Chain(@Nullable Chain next) {}

  @Test
  void json_that_is_nested_too_deep_is_refused_when_it_is_encoded() {
    EventCodec codec = codec(type(Chain.class));
    EncodedEvent deep = encode(codec, chain(500));
    assertThat(encode(codec, decode(codec, json(deep.data()))).data()).isEqualTo(deep.data());
    assertThatThrownBy(() -> encode(codec, chain(501)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'it'");
  }

  private static Chain chain(int depth) {
    Chain chain = null;
    for (int i = 0; i < depth; i++) {
      chain = new Chain(chain);
    }
    return chain;
  }
}
