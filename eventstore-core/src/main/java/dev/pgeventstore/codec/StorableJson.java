package dev.pgeventstore.codec;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** What PostgreSQL's jsonb holds, which is a little less than JSON. Safe for many threads. */
final class StorableJson {

  // What the type numeric holds.
  private static final int MAX_DIGITS_BEFORE_POINT = 131_072;
  private static final int MAX_DIGITS_AFTER_POINT = 16_383;

  private final JsonFactory strict = new JsonFactory();

  /**
   * Looks at what is to be stored, wherever it comes from: generators, too, write NaN and halves of
   * surrogate pairs.
   *
   * @return why it cannot be stored, or null
   */
  @Nullable String flawOf(byte[] json) {
    Plainness plainness = Plainness.of(json);
    String flaw = plainness == Plainness.NOT_ASCII ? flawOfText(json) : flawOfAscii(json);
    return flaw != null || plainness == Plainness.PLAIN ? flaw : flawOfSound(json);
  }

  /** What nearly all JSON is: no copy, no decoding, and no other encoding that it could be. */
  private @Nullable String flawOfAscii(byte[] json) {
    try (JsonParser parser = strict.createParser(json)) {
      return flawOf(parser);
    } catch (IOException e) {
      throw new AssertionError("reading from memory", e);
    }
  }

  private @Nullable String flawOfText(byte[] json) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json)).toString();
    } catch (CharacterCodingException e) {
      return "it is not JSON: it is not valid UTF-8";
    }
    // From text, as a parser of bytes would guess other encodings and skip a byte order mark.
    try (JsonParser parser = strict.createParser(text)) {
      return flawOf(parser);
    } catch (IOException e) {
      throw new AssertionError("reading from memory", e);
    }
  }

  private static @Nullable String flawOf(JsonParser parser) throws IOException {
    try {
      if (parser.nextToken() == null) {
        return "it is not JSON: it is empty";
      }
      parser.skipChildren();
      return parser.nextToken() == null ? null : "it is more than one JSON value";
    } catch (JsonProcessingException e) {
      return "it is not JSON: " + e.getOriginalMessage();
    }
  }

  /** One pass over what a parser has found to be JSON, so no index can run over the end. */
  private static @Nullable String flawOfSound(byte[] json) {
    int i = 0;
    while (i < json.length) {
      byte b = json[i];
      if (b == '"') {
        i++;
        while (json[i] != '"') {
          if (json[i] != '\\') {
            i++;
          } else if (json[i + 1] != 'u') {
            i += 2;
          } else {
            int unit = hex(json, i + 2);
            i += 6;
            if (unit == 0) {
              return "it has the character \\u0000, which PostgreSQL's jsonb cannot hold";
            }
            if (unit >= Character.MIN_SURROGATE && unit <= Character.MAX_SURROGATE) {
              boolean paired =
                  unit <= Character.MAX_HIGH_SURROGATE
                      && json[i] == '\\'
                      && json[i + 1] == 'u'
                      && Character.isLowSurrogate((char) hex(json, i + 2));
              if (!paired) {
                return "it has half a surrogate pair, \\u%04x, which is no character"
                    .formatted(unit);
              }
              i += 6;
            }
          }
        }
        i++;
      } else if (b >= '0' && b <= '9') {
        int start = i;
        boolean exponent = false;
        while (i < json.length && isNumberPart(json[i])) {
          exponent |= (json[i] | 0x20) == 'e';
          i++;
        }
        if (exponent && !isNumeric(new String(json, start, i - start, StandardCharsets.US_ASCII))) {
          return "it has a number that is too large or too small for PostgreSQL's jsonb";
        }
      } else {
        i++;
      }
    }
    return null;
  }

  private static int hex(byte[] json, int from) {
    int value = 0;
    for (int i = from; i < from + 4; i++) {
      value = (value << 4) | Character.digit(json[i], 16);
    }
    return value;
  }

  private static boolean isNumberPart(byte b) {
    return (b >= '0' && b <= '9') || b == '.' || b == '-' || b == '+' || (b | 0x20) == 'e';
  }

  private static boolean isNumeric(String number) {
    try {
      BigDecimal value = new BigDecimal(number);
      return value.precision() - (long) value.scale() <= MAX_DIGITS_BEFORE_POINT
          && value.scale() <= MAX_DIGITS_AFTER_POINT;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  /** What one look at the bytes tells. */
  private enum Plainness {
    /** ASCII, with nothing in it that {@link #flawOfSound} could object to. */
    PLAIN,
    /** ASCII, with escapes or exponents. */
    ASCII,
    /**
     * Or with NUL, which would make a parser of bytes guess another encoding; or so short that its
     * guessing fails.
     */
    NOT_ASCII;

    private static final int SHORTEST_TO_GUESS = 4;

    static Plainness of(byte[] json) {
      if (json.length < SHORTEST_TO_GUESS) {
        return NOT_ASCII;
      }
      boolean plain = true;
      byte previous = 0;
      for (byte b : json) {
        if (b <= 0) {
          return NOT_ASCII;
        }
        plain &= b != '\\' && ((b | 0x20) != 'e' || previous < '0' || previous > '9');
        previous = b;
      }
      return plain ? PLAIN : ASCII;
    }
  }
}
