package dev.pgeventstore.codec;

import static dev.pgeventstore.codec.Content.encode;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StorableJsonTest {

  private static String flawOf(String json) {
    return StorableJson.flawOf(json.getBytes(UTF_8));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "0",
        "-0",
        "1",
        "-1.5e-7",
        "1E+10",
        "\"text\"",
        "\"\"",
        "true",
        "null",
        " {\"a\" : [1, {\"b\":\"\\\\u0000\"}]}\n",
        "[[],{},[{}],\t{\"a\":[]}\r]",
        "\"\\ud83d\\ude00\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABCD\"",
        "\"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\ud800\udc00\udbff\udfff\"",
        "\"NaN Infinity\""
      })
  void encoded_events_are_passed_through_unchanged(String json) {
    EncodedEvent raw = EncodedEvent.of("anything", 7, json);
    assertThat(encode(FlatCodec.none(), raw)).isSameAs(raw);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "[",
        "\"",
        "\"\\",
        "\"\\u00",
        "{}{}",
        "{} x",
        "1 2",
        "nope",
        "tru",
        "truex",
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "0x1",
        "01",
        "-01",
        "{'a':1}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "]",
        "}",
        ":",
        ",",
        "\"a\nb\"",
        "\"\\x\"",
        "\"\\u00g0\"",
        "\ufeff{}",
        "// x\n{}",
        "\0",
        "{}\0",
        "\f1"
      })
  void text_that_is_not_json_is_refused_with_that_reason(String json) {
    assertThat(flawOf(json)).startsWith("it is not JSON: ");
    assertThatThrownBy(() -> encode(FlatCodec.none(), EncodedEvent.of("raw", 1, json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'raw' cannot be stored: it ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"\\\\\\u0000\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83dx\"",
        "{\"n\":[1,1e140000]}",
        "1e-20000",
        "-1E+99999999999"
      })
  void json_that_jsonb_cannot_hold_is_refused(String json) {
    assertThat(flawOf(json)).startsWith("it has ");
  }

  @Test
  void json_over_a_limit_is_refused_with_that_reason() {
    assertThat(flawOf("[".repeat(500) + "]".repeat(500))).isNull();
    assertThat(flawOf("[".repeat(501) + "]".repeat(501)))
        .startsWith("it is over a limit: ")
        .contains("500");
    assertThat(flawOf("{\"a\":".repeat(500) + "1" + "}".repeat(500))).isNull();
    assertThat(flawOf("{\"a\":".repeat(501) + "1" + "}".repeat(501)))
        .startsWith("it is over a limit: ");
    assertThat(flawOf("1".repeat(1000))).isNull();
    assertThat(flawOf("1".repeat(1001))).startsWith("it is over a limit: ").contains("1000");
    assertThat(flawOf("1e131071")).isNull();
  }

  @Test
  void mixed_containers_are_closed_in_their_order() {
    String mixed = "[{\"a\":".repeat(250) + "null" + "}]".repeat(250);
    assertThat(flawOf(mixed)).isNull();
    assertThat(flawOf(mixed.replaceFirst("\\}\\]", "]}"))).startsWith("it is not JSON: ");
  }

  @Test
  void other_encodings_are_refused() {
    for (byte[] json :
        List.of(
            "{\"a\":1}".getBytes(UTF_16LE),
            new byte[] {'"', (byte) 0xff, '"'},
            new byte[] {'"', (byte) 0x80, '"'},
            new byte[] {'"', (byte) 0xc0, (byte) 0x80, '"'},
            new byte[] {'"', (byte) 0xc3, '"'},
            new byte[] {'"', (byte) 0xe0, (byte) 0x9f, (byte) 0xbf, '"'},
            new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'},
            new byte[] {'"', (byte) 0xf0, (byte) 0x8f, (byte) 0xbf, (byte) 0xbf, '"'},
            new byte[] {'"', (byte) 0xf4, (byte) 0x90, (byte) 0x80, (byte) 0x80, '"'},
            new byte[] {'"', (byte) 0xf0, (byte) 0x9f})) {
      assertThat(StorableJson.flawOf(json)).startsWith("it is not JSON: ");
    }
  }
}
