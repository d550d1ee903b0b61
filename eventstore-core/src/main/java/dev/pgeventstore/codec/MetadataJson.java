package dev.pgeventstore.codec;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Metadata;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** Metadata as one flat JSON object. For authors of codecs. */
public final class MetadataJson {

  private static final String ESCAPED = "\"\\\b\f\n\r\t";
  private static final String ESCAPES = "\"\\bfnrt";

  private MetadataJson() {}

  /**
   * The stored form of metadata.
   *
   * @param metadata what to write
   * @return one flat JSON object in UTF-8
   * @throws IllegalArgumentException if it has what PostgreSQL cannot store
   */
  public static byte[] encode(Metadata metadata) {
    StringBuilder json = new StringBuilder(128).append('{');
    for (Map.Entry<String, String> entry : metadata.entries().entrySet()) {
      if (entry.getValue() == null) {
        throw new IllegalArgumentException(
            "metadata entry '%s' cannot be stored: it is null".formatted(entry.getKey()));
      }
      if (json.length() > 1) {
        json.append(',');
      }
      write(entry.getKey(), json);
      json.append(':');
      write(entry.getValue(), json);
    }
    return json.append('}').toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void write(String text, StringBuilder json) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int escape = c < ' ' || c == '"' || c == '\\' ? ESCAPED.indexOf(c) : -1;
      if (escape >= 0) {
        json.append('\\').append(ESCAPES.charAt(escape));
      } else if (c == 0) {
        throw new IllegalArgumentException(
            "metadata cannot be stored: it has the character \\u0000, which PostgreSQL's jsonb"
                + " cannot hold");
      } else if (c < ' ') {
        json.append("\\u%04x".formatted((int) c));
      } else if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        json.append(c).append(text.charAt(++i));
      } else if (Character.isSurrogate(c)) {
        throw new IllegalArgumentException(
            "metadata cannot be stored: it has half a surrogate pair, \\u%04x, which is no character"
                .formatted((int) c));
      } else {
        json.append(c);
      }
    }
    json.append('"');
  }

  /**
   * Metadata from its stored form. A value that is no string is given as its JSON text, as it is
   * stored.
   *
   * @param json one JSON object in UTF-8
   * @return the metadata
   * @throws EventStoreException if it is no JSON object
   */
  public static Metadata decode(byte[] json) {
    JsonScanner scanner = new JsonScanner(json, false);
    if (!scanner.document()) {
      throw new EventStoreException("metadata is no JSON object: " + scanner.flaw);
    }
    scanner.at = 0;
    scanner.skipSpace();
    if (scanner.peek() != '{') {
      throw new EventStoreException("metadata is no JSON object");
    }
    return Metadata.of(entries(scanner));
  }

  /** Of what was found to be an object. */
  private static Map<String, String> entries(JsonScanner scanner) {
    Map<String, String> entries = new TreeMap<>();
    do {
      scanner.at++;
      scanner.skipSpace();
      if (scanner.peek() == '}') {
        break;
      }
      String name = next(scanner);
      scanner.skipSpace();
      scanner.at++;
      scanner.skipSpace();
      entries.put(name, next(scanner));
      scanner.skipSpace();
    } while (scanner.peek() == ',');
    return entries;
  }

  /** The next value as text: a string without its quotes, anything else as it is. */
  private static String next(JsonScanner scanner) {
    int start = scanner.at;
    scanner.value();
    boolean string = scanner.json[start] == '"';
    String text =
        string
            ? new String(scanner.json, start + 1, scanner.at - start - 2, StandardCharsets.UTF_8)
            : new String(scanner.json, start, scanner.at - start, StandardCharsets.UTF_8);
    return string && text.indexOf('\\') >= 0 ? unescaped(text) : text;
  }

  private static String unescaped(String text) {
    StringBuilder unescaped = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '\\') {
        unescaped.append(c);
      } else if (text.charAt(++i) == 'u') {
        unescaped.append((char) Integer.parseInt(text, i + 1, i + 5, 16));
        i += 4;
      } else {
        int escape = ESCAPES.indexOf(text.charAt(i));
        unescaped.append(escape < 0 ? text.charAt(i) : ESCAPED.charAt(escape));
      }
    }
    return unescaped.toString();
  }
}
