package dev.pgeventstore.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Metadata;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataJsonTest {

  private static Metadata decode(String json) {
    return MetadataJson.decode(json.getBytes(UTF_8));
  }

  @Test
  void metadata_is_one_flat_object_and_is_read_as_it_was_written() {
    Metadata metadata =
        Metadata.none()
            .withCorrelationId("c1")
            .withOccurredAt(Instant.parse("2026-01-02T03:04:05Z"))
            .with("note", "\"quoted\" \\ 😀");
    byte[] json = MetadataJson.encode(metadata);
    assertThat(new String(json, UTF_8))
        .startsWith("{\"correlationId\":\"c1\",")
        .doesNotContain("[");
    assertThat(MetadataJson.decode(json)).isEqualTo(metadata);
    assertThat(MetadataJson.decode(MetadataJson.encode(Metadata.none())))
        .isEqualTo(Metadata.none());
  }

  @Test
  void everything_that_is_encoded_can_be_stored_and_is_decoded_to_the_same_value() {
    Random random = new Random(42);
    for (int i = 0; i < 5_000; i++) {
      Map<String, String> entries = new HashMap<>();
      for (int n = random.nextInt(5); n > 0; n--) {
        entries.put(anyText(random), anyText(random));
      }
      Metadata metadata = Metadata.of(entries);
      byte[] json = MetadataJson.encode(metadata);
      assertThat(StorableJson.flawOf(json)).isNull();
      assertThat(MetadataJson.decode(json)).isEqualTo(metadata);
    }
  }

  private static String anyText(Random random) {
    return random
        .ints(random.nextInt(12), 1, Character.MAX_CODE_POINT + 1)
        .map(c -> random.nextBoolean() ? c : 1 + c % 0x7f)
        .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  @Test
  void values_that_are_not_text_are_returned_as_json() {
    assertThat(
            decode(
                    " { \"a\" :1.50,\"b\":true , \"c\":null,\"d\":{\"x\":[1,2.10]},\"e\":[],"
                        + "\"f\":\"t\",\"g\":12345678901234567890123,"
                        + "\"\\u0068\":\"\\/\\ud83d\\ude00\\n\"} ")
                .entries())
        .containsEntry("a", "1.50")
        .containsEntry("b", "true")
        .containsEntry("c", "null")
        .containsEntry("d", "{\"x\":[1,2.10]}")
        .containsEntry("e", "[]")
        .containsEntry("f", "t")
        .containsEntry("g", "12345678901234567890123")
        .containsEntry("h", "/😀\n")
        .hasSize(8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "1", "null", "{", "{\"a\":", "{} {}", "{\"a\":[}"})
  void metadata_that_is_not_a_json_object_is_an_error(String json) {
    assertThatThrownBy(() -> decode(json))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("metadata");
  }

  @Test
  void metadata_that_postgresql_cannot_hold_is_refused() {
    for (String bad : List.of("\0", "a\0", "\ud83d", "\ud83dx", "\ude00")) {
      for (Metadata metadata :
          List.of(Metadata.of(Map.of("name", bad)), Metadata.of(Map.of(bad, "value")))) {
        assertThatThrownBy(() -> MetadataJson.encode(metadata))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("metadata");
      }
    }
  }
}
