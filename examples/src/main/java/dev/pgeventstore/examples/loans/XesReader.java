package dev.pgeventstore.examples.loans;

import java.io.InputStream;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import javax.xml.stream.XMLStreamException;

/**
 * Reads the traces of an event log in XES (IEEE 1849), plain or gzipped, one after the other. Only
 * the current trace and the names of those before are in memory. For one thread.
 *
 * <p>Whatever is wrong with the file is an {@link ImportException} with the place. After one, the
 * reader is of no more use.
 */
final class XesReader implements Iterator<XesTrace>, AutoCloseable {

  private static final String NAME = "concept:name";
  private static final String LIFECYCLE = "lifecycle:transition";
  private static final String RESOURCE = "org:resource";
  private static final String TIMESTAMP = "time:timestamp";

  private final LogFile file;
  private final InputStream bytes;
  private final XmlElements xml;
  private final Map<String, Integer> numbersByName = new HashMap<>();
  private int number;
  private At at = At.START;

  private enum At {
    START,
    BEFORE_TRACE,
    TRACE,
    END
  }

  private XesReader(LogFile file, InputStream bytes) throws XMLStreamException {
    this.file = file;
    this.bytes = bytes;
    this.xml = new XmlElements(bytes);
  }

  static XesReader open(Path path) {
    LogFile file = new LogFile(path);
    InputStream bytes = file.open();
    try {
      return new XesReader(file, bytes);
    } catch (XMLStreamException e) {
      file.close(bytes);
      throw file.damaged(e, "at the beginning");
    }
  }

  @Override
  public boolean hasNext() {
    try {
      if (at == At.START) {
        enterLog();
      }
      while (at == At.BEFORE_TRACE) {
        if (!xml.nextChild()) {
          xml.finish();
          at = At.END;
        } else if (xml.isAt("trace")) {
          at = At.TRACE;
        } else {
          // The log's own attributes and the defaults in 'global' have keys that traces and events
          // have as well.
          xml.skipChildren();
        }
      }
      return at == At.TRACE;
    } catch (XMLStreamException e) {
      throw file.damaged(e, number == 0 ? "before the first trace" : "after trace " + number);
    }
  }

  private void enterLog() throws XMLStreamException {
    xml.nextChild();
    if (!xml.isAt("log")) {
      throw damaged("this is XML, but no event log: it does not begin with an element 'log'");
    }
    at = At.BEFORE_TRACE;
  }

  @Override
  public XesTrace next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    at = At.BEFORE_TRACE;
    number++;
    Map<String, String> attributes = new HashMap<>();
    try {
      return trace(attributes);
    } catch (XMLStreamException e) {
      throw file.damaged(e, "in " + place(attributes));
    }
  }

  private XesTrace trace(Map<String, String> attributes) throws XMLStreamException {
    int line = xml.location().getLineNumber();
    List<XesEvent> events = new ArrayList<>();
    while (xml.nextChild()) {
      if (xml.isAt("event")) {
        events.add(event("event %d of %s".formatted(events.size() + 1, place(attributes))));
      } else {
        attribute(attributes);
      }
    }
    String name = required(attributes, NAME, "trace " + number);
    Integer earlier = numbersByName.putIfAbsent(name, number);
    if (earlier != null) {
      throw damaged("%s has the name of trace %d".formatted(place(attributes), earlier));
    }
    return new XesTrace(
        "%s, line %d: %s".formatted(file.path(), line, place(attributes)),
        name,
        Map.copyOf(attributes),
        List.copyOf(events));
  }

  private XesEvent event(String place) throws XMLStreamException {
    Map<String, String> attributes = new HashMap<>();
    while (xml.nextChild()) {
      attribute(attributes);
    }
    return new XesEvent(
        required(attributes, NAME, place),
        required(attributes, LIFECYCLE, place),
        attributes.get(RESOURCE),
        timestamp(required(attributes, TIMESTAMP, place), place));
  }

  /** Takes an attribute, whatever its type, and leaves out the attributes it has itself. */
  private void attribute(Map<String, String> attributes) throws XMLStreamException {
    String key = xml.attribute("key");
    String value = xml.attribute("value");
    if (key != null && value != null) {
      attributes.put(key, value);
    }
    xml.skipChildren();
  }

  private String required(Map<String, String> attributes, String key, String place) {
    String value = attributes.get(key);
    if (value == null || value.isBlank()) {
      throw damaged("%s has no '%s'".formatted(place, key));
    }
    return value;
  }

  private OffsetDateTime timestamp(String text, String place) {
    try {
      return OffsetDateTime.parse(text);
    } catch (DateTimeException e) {
      throw damaged(
          "'%s' of %s is '%s', which is no date and time with an offset"
              .formatted(TIMESTAMP, place, text));
    }
  }

  private String place(Map<String, String> attributes) {
    String name = attributes.get(NAME);
    return name == null ? "trace " + number : "trace %d '%s'".formatted(number, name);
  }

  private ImportException damaged(String what) {
    return file.damaged(xml.location(), what);
  }

  @Override
  public void close() {
    file.close(bytes);
  }
}
