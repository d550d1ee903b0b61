package dev.pgeventstore.kafka.internal;

import java.util.Map;
import java.util.stream.Collectors;

/** Text of the form {@code name=value}, one a line. Values may have line breaks. */
public final class NoteLines {

  private NoteLines() {}

  public static String format(Map<String, String> lines) {
    return lines.entrySet().stream()
        .map(line -> line.getKey() + '=' + escape(line.getValue()))
        .collect(Collectors.joining("\n"));
  }

  public static Map<String, String> parse(String text) {
    return text.lines()
        .filter(line -> line.indexOf('=') > 0)
        .collect(
            Collectors.toMap(
                line -> line.substring(0, line.indexOf('=')),
                line -> line.substring(line.indexOf('=') + 1).translateEscapes(),
                (first, second) -> first));
  }

  private static String escape(String text) {
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
  }
}
