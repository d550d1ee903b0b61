package dev.pgeventstore.codec.contract;

import static dev.pgeventstore.codec.contract.Content.decode;
import static dev.pgeventstore.codec.contract.Content.encode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonValue;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.codec.EventTypes;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Events become plain JSON under stable names, and come back the same. */
public abstract class CodecContract {

  public sealed interface OrderEvent permits Placed, Shipped, Noted, Closed {}

  public record Placed(String customer, long cents, List<Item> items) implements OrderEvent {}

  public record Item(UUID id, String name, BigDecimal weight) {}

  public record Shipped(Instant at, OffsetDateTime due, LocalDate day, Duration took)
      implements OrderEvent {}

  public record Noted(String text, double number, Map<String, String> more) implements OrderEvent {}

  public record Closed() implements OrderEvent {}

  public record Broken(String text) {
    @JsonValue
    String fails() {
      throw new IllegalStateException("no luck with " + text);
    }
  }

  public record Large(BigDecimal number) {}

  private static final EventTypes TYPES =
      EventTypes.builder()
          .type(Placed.class, "order-placed", 3)
          .type(Shipped.class, "order-shipped", 1)
          .type(Noted.class, "order-noted", 1)
          .type(Closed.class, "order-closed", 1)
          .type(Large.class, "large", 2)
          .build();

  private final EventCodec codec = withUpcasters(TYPES);

  /**
   * A codec with these upcasters: {@code order-placed} from 1 sets {@code cents} to the hundredfold
   * of {@code euros}, and from 2 sets {@code items} to an empty array; {@code large} from 1 returns
   * what it is given.
   */
  protected abstract EventCodec withUpcasters(EventTypes types);

  /** A codec with nothing but these types. */
  protected abstract EventCodec codec(EventTypes types);

  @Test
  void a_record_becomes_plain_json_under_its_stable_name() {
    EncodedEvent encoded = encode(codec, new Placed("ann", 990, List.of()));
    assertThat(encoded.type()).isEqualTo("order-placed");
    assertThat(encoded.revision()).isEqualTo(3);
    assertThat(encoded.data()).isEqualTo("{\"customer\":\"ann\",\"cents\":990,\"items\":[]}");
    assertThat(encode(codec, new Closed()).data()).isEqualTo("{}");
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
    EncodedEvent encoded = encode(codec, shipped);
    assertThat(encoded.data())
        .isEqualTo(
            "{\"at\":\"2026-01-02T03:04:05.000000006Z\",\"due\":\"2026-01-02T03:04:05+09:00\","
                + "\"day\":\"2026-01-02\",\"took\":\"PT1.5S\"}");
    assertThat(decode(codec, encoded)).isEqualTo(shipped);
  }

  @Test
  void everything_that_is_encoded_is_decoded_to_the_same_value() {
    Random random = new Random(42);
    for (int i = 0; i < 2_000; i++) {
      OrderEvent event = anyEvent(random);
      EncodedEvent encoded = encode(codec, event);
      assertThat(decode(codec, encoded)).isEqualTo(event);
      // What is written passes the check for what comes from elsewhere, too.
      assertThat(encode(codec, EncodedEvent.of(encoded.type(), 3, encoded.data())).data())
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
  void an_old_revision_goes_through_every_step_to_the_current_one() {
    assertThat(
            decode(codec, EncodedEvent.of("order-placed", 1, "{\"customer\":\"ann\",\"euros\":7}")))
        .isEqualTo(new Placed("ann", 700, List.of()));
    assertThat(
            decode(codec, EncodedEvent.of("order-placed", 2, "{\"customer\":\"ann\",\"cents\":7}")))
        .isEqualTo(new Placed("ann", 7, List.of()));
  }

  @Test
  void upcasting_loses_no_digit() {
    String digits = "123456789012345678901234567890.123456789012345678901234567890";
    assertThat(decode(codec, EncodedEvent.of("large", 1, "{\"number\":" + digits + "}")))
        .isEqualTo(new Large(new BigDecimal(digits)));
  }

  @Test
  void json_that_is_not_an_object_is_not_upcast() {
    assertThatThrownBy(() -> decode(codec, EncodedEvent.of("order-placed", 1, "[1]")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'order-placed'")
        .hasMessageContaining("revision 1")
        .hasMessageContaining("no object");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "{\"number\":{}}", "null", "{"})
  void json_that_does_not_fit_the_class_is_an_error_that_names_it(String json) {
    assertThatThrownBy(() -> decode(codec, EncodedEvent.of("order-noted", 1, json)))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("'order-noted'")
        .hasMessageContaining(Noted.class.getName());
  }

  @Test
  void text_that_postgresql_cannot_hold_is_refused() {
    for (String bad : List.of("\0", "a\0b", "\ud83d", "\ud83dx", "\ude00", "\\\0")) {
      for (Noted event :
          List.of(new Noted(bad, 0, Map.of()), new Noted("", 0, Map.of(bad, "in a name")))) {
        assertThatThrownBy(() -> encode(codec, event))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("'order-noted'")
            .hasMessageContaining(Noted.class.getName());
      }
    }
    for (String good :
        List.of("\\u0000", "\\\\u0000", "\u0001", "\ud83d\ude00", "NaN \"Infinity\"")) {
      assertThatCode(() -> encode(codec, new Noted(good, 0, Map.of()))).doesNotThrowAnyException();
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void a_number_that_json_cannot_express_is_refused(double number) {
    assertThatThrownBy(() -> encode(codec, new Noted("", number, Map.of())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'order-noted'")
        .hasMessageContaining("not JSON");
  }

  @Test
  void a_number_beyond_postgresqls_numeric_is_refused() {
    Large digits = new Large(new BigDecimal("1".repeat(1001)));
    assertThatThrownBy(() -> encode(codec, digits))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("over a limit")
        .hasMessageContaining("1000");
    assertThatThrownBy(() -> encode(codec, new Large(new BigDecimal("1e140000"))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatCode(() -> encode(codec, new Large(new BigDecimal("1e131071"))))
        .doesNotThrowAnyException();
  }
}
