package dev.pgeventstore.codec.jackson;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadFeature;
import dev.pgeventstore.codec.StorableJson;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The check of what is to be stored beside Jackson's strict parser, on damaged JSON. */
class StorableJsonFuzzTest {

  private static final byte[][] SOUND = {
    "{\"a\":[1,-2.5e-7,true,null,{\"b\":\"x\\u00e9\\\"\\\\\"}],\"é😀\":\"\\ud83d\\ude00\"}"
        .getBytes(UTF_8),
    "[0,10,-0.1,1E+3,[[],{}],\"\",false , {\"k\" :\t\"v\\n\"}\n]".getBytes(UTF_8),
    "\"\\\\\\\"\\/\\b\\f\\n\\r\\t plain \u07ff\uffff\"".getBytes(UTF_8)
  };

  private static final byte[] TELLING =
      "{}[]\",:\\0123456789.-+eEtrufalsn \t\n\u00c3".getBytes(UTF_8);

  private final JsonFactory strict =
      JsonFactory.builder().disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION).build();

  @Test
  void what_jackson_refuses_is_refused_and_what_it_accepts_is_json() {
    Random random = new Random(7);
    int taken = 0;
    for (int i = 0; i < 400_000; i++) {
      byte[] json = damaged(SOUND[random.nextInt(SOUND.length)], random);
      String flaw = StorableJson.flawOf(json);
      boolean isJson = isJson(json);
      String text = new String(json, UTF_8);
      if (flaw == null) {
        assertThat(isJson).as(text).isTrue();
      } else if (flaw.startsWith("it is not JSON")) {
        assertThat(isJson).as("%s: %s", text, flaw).isFalse();
      }
      taken += flaw == null ? 1 : 0;
    }
    assertThat(taken).isGreaterThan(10_000);
  }

  private static byte[] damaged(byte[] sound, Random random) {
    byte[] json = sound.clone();
    for (int n = 1 + random.nextInt(2); n > 0; n--) {
      json[random.nextInt(json.length)] =
          random.nextInt(4) > 0 ? TELLING[random.nextInt(TELLING.length)] : (byte) random.nextInt();
    }
    return json;
  }

  /** From text, as a parser of bytes would guess other encodings. */
  private boolean isJson(byte[] json) {
    String text = new String(json, UTF_8);
    if (!Arrays.equals(text.getBytes(UTF_8), json)) {
      return false;
    }
    try (JsonParser parser = strict.createParser(text)) {
      if (parser.nextToken() == null) {
        return false;
      }
      parser.skipChildren();
      // Texts are looked at only when they are asked for.
      return parser.nextToken() == null && decoded(text);
    } catch (IOException e) {
      return false;
    }
  }

  private boolean decoded(String text) throws IOException {
    try (JsonParser parser = strict.createParser(text)) {
      while (parser.nextToken() != null) {
        parser.getText();
      }
    }
    return true;
  }
}
