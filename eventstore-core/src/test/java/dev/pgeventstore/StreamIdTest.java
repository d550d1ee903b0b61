package dev.pgeventstore;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StreamIdTest {

  @Test
  void the_first_dash_separates_category_and_key() {
    assertThat(StreamId.parse("order-2026-42")).isEqualTo(StreamId.of("order", "2026-42"));
    assertThat(StreamId.parse("order--")).isEqualTo(StreamId.of("order", "-"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a-b", "order-2026-42", "a b-c d", "ä-😀", "a---"})
  void a_stream_id_is_parsed_as_it_was_written(String text) {
    assertThat(StreamId.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "order",
        "-",
        "order-",
        "-42",
        " -42",
        "order- ",
        "a\0-b",
        "a-b\0",
        "a-\ud83d"
      })
  void an_invalid_stream_id_is_refused(String text) {
    assertThatThrownBy(() -> StreamId.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_dash_in_a_category_is_refused() {
    assertThatThrownBy(() -> StreamId.of("a-b", "c"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'a-b'");
  }

  @Test
  void the_limit_is_in_bytes_of_utf_8() {
    for (String character : List.of("x", "é", "€", "😀")) {
      int size = character.getBytes(UTF_8).length;
      int most = (StreamId.MAX_BYTES - 2) / size;
      String rest = "x".repeat(StreamId.MAX_BYTES - 2 - most * size);
      StreamId longest = StreamId.of("a", rest + character.repeat(most));
      assertThat(longest.toString().getBytes(UTF_8)).hasSize(StreamId.MAX_BYTES);
      assertThatThrownBy(() -> StreamId.of("ab", longest.key()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("256")
          .hasMessageContaining("255");
    }
  }

  @Test
  void stream_ids_are_ordered_by_their_bytes() {
    Random random = new Random(3);
    for (int i = 0; i < 20_000; i++) {
      StreamId a = anyId(random);
      StreamId b = anyId(random);
      int bytes =
          Arrays.compareUnsigned(a.toString().getBytes(UTF_8), b.toString().getBytes(UTF_8));
      assertThat(Integer.signum(a.compareTo(b)))
          .as("%s and %s", a, b)
          .isEqualTo(Integer.signum(bytes));
    }
    assertThat(StreamId.of("a", "\uffee")).isLessThan(StreamId.of("a", "😀"));
    assertThat(StreamId.of("a", "b")).isEqualByComparingTo(StreamId.of("a", "b"));
  }

  private static StreamId anyId(Random random) {
    int[] some = {
      '!', '-', 'a', 'b', 0xe9, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff
    };
    StringBuilder key = new StringBuilder();
    for (int i = 1 + random.nextInt(3); i > 0; i--) {
      key.appendCodePoint(some[random.nextInt(some.length)]);
    }
    return StreamId.of(random.nextBoolean() ? "a" : "a!", key.toString());
  }
}
