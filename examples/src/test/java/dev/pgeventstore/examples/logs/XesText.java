package dev.pgeventstore.examples.logs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;

/** Small event logs, written as the real one is. */
public final class XesText {

  public static final String HEAD =
      """
      <?xml version="1.0" encoding="UTF-8" ?>
      <log xes.version="1.0" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
        <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
        <global scope="trace">
          <string key="concept:name" value="UNKNOWN"/>
        </global>
        <global scope="event">
          <date key="time:timestamp" value="1970-01-01T00:00:00.000+01:00"/>
          <string key="concept:name" value="UNKNOWN"/>
        </global>
        <classifier name="Resource classifier" keys="org:resource"/>
        <int key="meta_concept:named_events_total" value="262200">
          <int key="A_SUBMITTED" value="13087"/>
        </int>
        <string key="concept:name" value="the log itself"/>
      """;

  public static final String FOOT = "</log>\n";

  private XesText() {}

  public static String log(String... traces) {
    return HEAD + String.join("", traces) + FOOT;
  }

  public static String trace(String name, String... events) {
    return """
      <trace>
        <date key="REG_DATE" value="2011-10-01T00:38:44.546+02:00"/>
        <string key="concept:name" value="%s"/>
        <string key="AMOUNT_REQ" value="20000"/>
    %s  </trace>
    """
        .formatted(name, String.join("", events));
  }

  public static String event(String activity, String lifecycle, String timestamp) {
    return """
        <event>
          <string key="org:resource" value="112"/>
          <string key="lifecycle:transition" value="%s"/>
          <string key="concept:name" value="%s"/>
          <date key="time:timestamp" value="%s"/>
        </event>
    """
        .formatted(lifecycle, activity, timestamp);
  }

  public static String submitted() {
    return event("A_SUBMITTED", "COMPLETE", "2011-10-01T00:38:44.546+02:00");
  }

  public static String declined() {
    return event("A_DECLINED", "COMPLETE", "2011-10-01T00:39:37.906+02:00");
  }

  public static Path write(Path folder, String text) throws IOException {
    return Files.writeString(folder.resolve("log.xes"), text);
  }

  public static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }
}
