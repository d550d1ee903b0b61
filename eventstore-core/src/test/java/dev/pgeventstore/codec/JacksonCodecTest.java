package dev.pgeventstore.codec;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.UnknownEventTypeException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JacksonCodecTest {

  sealed interface OrderEvent permits Placed, Shipped, Noted, Closed {}

  record Placed(String customer, long cents, List<Item> items) implements OrderEvent {}

  record Item(UUID id, String name, BigDecimal weight) {}

  record Shipped(Instant at, OffsetDateTime due, LocalDate day, Duration took)
      implements OrderEvent {}

  record Noted(String text, double number, Map<String, String> more) implements OrderEvent {}

  record Closed() implements OrderEvent {}

  record Broken(String text) {
    @JsonValue
    Object fails() {
      throw new IllegalStateException("no luck with " + text);
    }
  }

  record Raw(@JsonRawValue String json) {}

  record Large(BigDecimal number) {}

  private static final EventTypes TYPES =
      EventTypes.builder()
          .type(Placed.class, "order-placed", 3)
          .upcast("order-placed", 1, json -> json.put("cents", json.get("euros").asLong() * 100))
          .upcast("order-placed", 2, json -> json.set("items", json.arrayNode()))
          .type(Shipped.class, "order-shipped", 1)
          .type(Noted.class, "order-noted", 1)
          .type(Closed.class, "order-closed", 1)
          .type(Broken.class, "broken", 1)
          .type(Large.class, "large", 1)
          .type(Raw.class, "raw", 1)
          .build();

  private final JacksonCodec codec = JacksonCodec.of(TYPES);

  @Test
  void a_record_becomes_plain_json_under_its_stable_name() {
    EncodedEvent encoded = codec.encode(new Placed("ann", 990, List.of()));
    assertThat(encoded.type()).isEqualTo("order-placed");
    assertThat(encoded.revision()).isEqualTo(3);
    assertThat(encoded.data()).isEqualTo("{\"customer\":\"ann\",\"cents\":990,\"items\":[]}");
    assertThat(codec.encode(new Closed()).data()).isEqualTo("{}");
    assertThat(codec.typeName(Shipped.class)).isEqualTo("order-shipped");
  }

  @Test
  void times_are_iso_text_and_keep_their_offset() {
    Shipped shipped =
        new Shipped(
            Instant.parse("2026-01-02T03:04:05.000000006Z"),
            OffsetDateTime.of(2026, 1, 2, 3, 4, 5, 0, ZoneOffset.ofHours(9)),
            LocalDate.of(2026, 1, 2),
            Duration.ofMillis(1500));
    EncodedEvent encoded = codec.encode(shipped);
    assertThat(encoded.data())
        .isEqualTo(
            "{\"at\":\"2026-01-02T03:04:05.000000006Z\",\"due\":\"2026-01-02T03:04:05+09:00\","
                + "\"day\":\"2026-01-02\",\"took\":\"PT1.5S\"}");
    assertThat(codec.decode(encoded)).isEqualTo(shipped);
  }

  @Test
  void whatever_is_encoded_is_decoded_the_same() {
    Random random = new Random(42);
    for (int i = 0; i < 2_000; i++) {
      OrderEvent event = anyEvent(random);
      EncodedEvent encoded = codec.encode(event);
      assertThat(codec.decode(encoded)).isEqualTo(event);
      // What is written passes the check for what comes from elsewhere, too.
      assertThat(codec.encode(EncodedEvent.of(encoded.type(), 3, encoded.data())).data())
          .isEqualTo(encoded.data());
    }
  }

  private static OrderEvent anyEvent(Random random) {
    return switch (random.nextInt(4)) {
      case 0 ->
          new Placed(
              anyText(random),
              random.nextLong(),
              IntStream.range(0, random.nextInt(4))
                  .mapToObj(
                      n ->
                          new Item(
                              new UUID(random.nextLong(), random.nextLong()),
                              anyText(random),
                              new BigDecimal(new BigInteger(90, random), random.nextInt(60) - 30)))
                  .toList());
      case 1 -> {
        Instant at = Instant.ofEpochSecond(random.nextInt(), random.nextInt(1_000_000) * 1_000L);
        OffsetDateTime due =
            at.atOffset(ZoneOffset.ofTotalSeconds((random.nextInt(100) - 50) * 900));
        yield new Shipped(at, due, due.toLocalDate(), Duration.ofNanos(random.nextLong()));
      }
      case 2 -> {
        double number = Double.longBitsToDouble(random.nextLong());
        Map<String, String> more = new HashMap<>();
        for (int i = random.nextInt(3); i > 0; i--) {
          more.put(anyText(random), anyText(random));
        }
        yield new Noted(anyText(random), Double.isFinite(number) ? number : 0.1, more);
      }
      default -> new Closed();
    };
  }

  private static String anyText(Random random) {
    return random
        .ints(random.nextInt(12), 1, Character.MAX_CODE_POINT + 1)
        .map(c -> random.nextBoolean() ? c : 1 + c % 0x2fff)
        .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  @Test
  void properties_that_the_class_does_not_have_are_ignored_and_missing_ones_are_empty() {
    EncodedEvent old =
        EncodedEvent.of("order-noted", 1, "{\"text\":\"a\",\"gone\":{\"deep\":[1]}}");
    assertThat(codec.decode(old)).isEqualTo(new Noted("a", 0, null));
  }

  @Test
  void an_old_revision_goes_through_every_step_to_the_present_one() {
    assertThat(
            codec.decode(EncodedEvent.of("order-placed", 1, "{\"customer\":\"ann\",\"euros\":7}")))
        .isEqualTo(new Placed("ann", 700, List.of()));
    assertThat(
            codec.decode(EncodedEvent.of("order-placed", 2, "{\"customer\":\"ann\",\"cents\":7}")))
        .isEqualTo(new Placed("ann", 7, List.of()));
  }

  @Test
  void upcasting_loses_no_digit() {
    JacksonCodec two =
        JacksonCodec.of(
            EventTypes.builder()
                .type(Large.class, "large", 2)
                .upcast("large", 1, json -> json)
                .build());
    String digits = "123456789012345678901234567890.123456789012345678901234567890";
    assertThat(two.decode(EncodedEvent.of("large", 1, "{\"number\":" + digits + "}")))
        .isEqualTo(new Large(new BigDecimal(digits)));
  }

  @Test
  void a_failing_step_is_named() {
    EncodedEvent noObject = EncodedEvent.of("order-placed", 1, "[1]");
    assertThatThrownBy(() -> codec.decode(noObject))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'order-placed'")
        .hasMessageContaining("revision 1")
        .hasMessageContaining("no object");
    EncodedEvent noEuros = EncodedEvent.of("order-placed", 1, "{}");
    assertThatThrownBy(() -> codec.decode(noEuros))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("upcaster of event type 'order-placed' from revision 1")
        .hasCauseInstanceOf(NullPointerException.class);
    JacksonCodec wrongTurn =
        JacksonCodec.of(
            EventTypes.builder()
                .type(Closed.class, "closed", 3)
                .upcast("closed", 1, json -> JsonNodeFactory.instance.textNode("x"))
                .upcast("closed", 2, json -> null)
                .build());
    assertThatThrownBy(() -> wrongTurn.decode(EncodedEvent.of("closed", 1, "{}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("revision 2");
    assertThatThrownBy(() -> wrongTurn.decode(EncodedEvent.of("closed", 2, "{}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("returned null");
  }

  @Test
  void an_unknown_type_says_what_to_do() {
    assertThatThrownBy(() -> codec.decode(EncodedEvent.of("order-lost", 1, "{}")))
        .isInstanceOfSatisfying(
            UnknownEventTypeException.class, e -> assertThat(e.type()).isEqualTo("order-lost"))
        .hasMessageContaining("'order-lost'")
        .hasMessageContaining("EventTypes")
        .hasMessageContaining("EventQuery.types")
        .hasMessageContaining("RecordedEvent.encoded()");
  }

  @Test
  void a_newer_revision_is_not_guessed_at() {
    assertThatThrownBy(() -> codec.decode(EncodedEvent.of("order-placed", 4, "{}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'order-placed'")
        .hasMessageContaining("revision 4")
        .hasMessageContaining("revision 3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "{\"number\":{}}", "null", "{"})
  void json_that_does_not_fit_the_class_is_an_error_that_names_it(String json) {
    assertThatThrownBy(() -> codec.decode(EncodedEvent.of("order-noted", 1, json)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'order-noted'")
        .hasMessageContaining(Noted.class.getName());
  }

  @Test
  void a_class_that_is_not_registered_is_refused() {
    assertThatThrownBy(() -> codec.encode("text"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("java.lang.String is not registered");
    assertThatThrownBy(() -> codec.typeName(OrderEvent.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(OrderEvent.class.getName());
  }

  @Test
  void an_object_that_cannot_be_written_is_refused_with_the_reason() {
    assertThatThrownBy(() -> codec.encode(new Broken("this")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'broken'")
        .hasMessageContaining(Broken.class.getName())
        .hasMessageContaining("no luck with this");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"no end", "}", "nope", "\"\\u00", "1}{\"a\":1"})
  void what_a_class_writes_itself_is_checked_as_well(String json) {
    assertThatThrownBy(() -> codec.encode(new Raw(json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Raw.class.getName());
  }

  @Test
  void text_that_postgresql_cannot_hold_is_refused() {
    for (String bad : List.of("\0", "a\0b", "\ud83d", "\ud83dx", "\ude00", "\\\0")) {
      for (Noted event :
          List.of(new Noted(bad, 0, Map.of()), new Noted("", 0, Map.of(bad, "in a name")))) {
        assertThatThrownBy(() -> codec.encode(event))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("'order-noted'")
            .hasMessageContaining(Noted.class.getName());
      }
    }
    for (String good :
        List.of("\\u0000", "\\\\u0000", "\u0001", "\ud83d\ude00", "NaN \"Infinity\"")) {
      assertThatCode(() -> codec.encode(new Noted(good, 0, Map.of()))).doesNotThrowAnyException();
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void what_is_no_number_is_refused(double number) {
    assertThatThrownBy(() -> codec.encode(new Noted("", number, Map.of())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'order-noted'")
        .hasMessageContaining("not JSON");
  }

  @Test
  void a_number_beyond_postgresqls_numeric_is_refused() {
    for (String bad : List.of("1e140000", "1e-20000", "1e99999999999")) {
      assertThatThrownBy(() -> codec.encode(EncodedEvent.of("raw", 1, "{\"n\":[1," + bad + "]}")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'raw'");
    }
    Large digits = new Large(new BigDecimal("1".repeat(1001)));
    assertThatThrownBy(() -> codec.encode(digits))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1000");
    assertThatThrownBy(() -> codec.encode(new Large(new BigDecimal("1e140000"))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatCode(() -> codec.encode(new Large(new BigDecimal("1e131071"))))
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "1",
        "-1.5e-7",
        "\"text\"",
        "true",
        "null",
        " {\"a\" : [1, {\"b\":\"\\\\u0000\"}]}\n",
        "\"\\ud83d\\ude00\"",
        "\"NaN Infinity\""
      })
  void encoded_events_are_passed_through_as_they_are(String json) {
    EncodedEvent raw = EncodedEvent.of("anything", 7, json);
    assertThat(codec.encode(raw)).isSameAs(raw);
    assertThat(JacksonCodec.of(EventTypes.none()).encode(raw)).isSameAs(raw);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "{}{}",
        "{} x",
        "1 2",
        "nope",
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "{'a':1}",
        "{a:1}",
        "[1,]",
        "01",
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"\\\\\\u0000\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\ud83d\\n\"",
        "\"a\nb\"",
        "\ufeff{}",
        "// x\n{}",
        "\0"
      })
  void encoded_events_that_are_no_storable_json_are_refused(String json) {
    assertThatThrownBy(() -> codec.encode(EncodedEvent.of("raw", 1, json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'raw' cannot be stored: it ");
  }

  @Test
  void encoded_events_in_another_encoding_are_refused() {
    List<byte[]> bad = new ArrayList<>();
    bad.add("{\"a\":1}".getBytes(UTF_16LE));
    bad.add(new byte[] {'"', (byte) 0xff, '"'});
    bad.add(new byte[] {'"', (byte) 0xc0, (byte) 0x80, '"'});
    bad.add(new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'});
    for (byte[] json : bad) {
      assertThatThrownBy(() -> codec.encode(EncodedEvent.of("raw", 1, json)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not JSON");
    }
  }

  @Test
  void damaged_json_is_refused_whatever_the_damage() {
    Random random = new Random(7);
    byte[] sound =
        codec
            .encode(new Noted("a\\\"\u0001é😀", -1.5e-7, Map.of("k", "v", "n", "\ud83d\ude00")))
            .dataUtf8();
    StorableJson storable = new StorableJson();
    for (int i = 0; i < 20_000; i++) {
      byte[] damaged = sound.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      String flaw = storable.flawOf(damaged);
      if (flaw == null) {
        assertThat(new String(damaged, UTF_8).getBytes(UTF_8)).isEqualTo(damaged);
        assertThatCode(() -> new ObjectMapper().readTree(damaged)).doesNotThrowAnyException();
      }
    }
  }

  @Test
  void the_callers_mapper_decides_how_json_looks() {
    ObjectMapper mapper =
        JacksonCodec.newMapper()
            .setPropertyNamingStrategy(PropertyNamingStrategies.UPPER_CAMEL_CASE)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    JacksonCodec strict = JacksonCodec.of(TYPES, mapper);
    EncodedEvent encoded = strict.encode(new Noted("a", 1, Map.of()));
    assertThat(encoded.data()).isEqualTo("{\"Text\":\"a\",\"Number\":1.0,\"More\":{}}");
    assertThat(strict.decode(encoded)).isEqualTo(new Noted("a", 1, Map.of()));
    assertThatThrownBy(() -> strict.decode(EncodedEvent.of("order-noted", 1, "{\"More2\":1}")))
        .isInstanceOf(EventStoreException.class);
  }

  @Test
  void metadata_is_one_flat_object_and_comes_back() {
    Metadata metadata =
        Metadata.none()
            .withCorrelationId("c1")
            .withOccurredAt(Instant.parse("2026-01-02T03:04:05Z"))
            .with("note", "\"quoted\" \\ 😀");
    byte[] json = codec.encodeMetadata(metadata);
    assertThat(new String(json, UTF_8))
        .startsWith("{\"correlationId\":\"c1\",")
        .doesNotContain("[");
    assertThat(codec.decodeMetadata(json)).isEqualTo(metadata);
    assertThat(codec.decodeMetadata(codec.encodeMetadata(Metadata.none())))
        .isEqualTo(Metadata.none());
  }

  @Test
  void metadata_values_that_are_no_text_are_given_as_their_json() {
    Metadata metadata =
        codec.decodeMetadata(
            ("{\"a\":1.50,\"b\":true,\"c\":null,\"d\":{\"x\":[1,2.10]},\"e\":[],\"f\":\"t\","
                    + "\"g\":12345678901234567890123}")
                .getBytes(UTF_8));
    assertThat(metadata.entries())
        .containsEntry("a", "1.50")
        .containsEntry("b", "true")
        .containsEntry("c", "null")
        .containsEntry("d", "{\"x\":[1,2.10]}")
        .containsEntry("e", "[]")
        .containsEntry("f", "t")
        .containsEntry("g", "12345678901234567890123")
        .hasSize(7);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "1", "null", "{", "{\"a\":", "{} {}", "{\"a\":[}"})
  void metadata_that_is_no_json_object_is_an_error(String json) {
    assertThatThrownBy(() -> codec.decodeMetadata(json.getBytes(UTF_8)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("metadata");
  }

  @Test
  void metadata_that_postgresql_cannot_hold_is_refused() {
    for (String bad : List.of("\0", "\ud83d", "\ude00")) {
      for (Metadata metadata :
          List.of(Metadata.of(Map.of("name", bad)), Metadata.of(Map.of(bad, "value")))) {
        assertThatThrownBy(() -> codec.encodeMetadata(metadata))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("metadata");
      }
    }
  }
}
