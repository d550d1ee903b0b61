package dev.pgeventstore.examples.logs;

import java.io.InputStream;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import javax.xml.stream.XMLStreamException;

/**
 * Reads the traces of any event log in XES (IEEE 1849), plain or gzipped, one after the other, with
 * all their attributes. An event outside of all traces is returned as a trace without a name. Only
 * the current trace is in memory. For use by one thread.
 *
 * <p>Every error in the file is an {@link ImportException} with the place. After it, the reader
 * cannot be used any more.
 */
public final class XesReader implements Iterator<XesTrace>, AutoCloseable {

  private static final String NAME = "concept:name";
  private static final String LIFECYCLE = "lifecycle:transition";
  private static final String RESOURCE = "org:resource";
  private static final String TIMESTAMP = "time:timestamp";

  private final LogFile file;
  private final InputStream bytes;
  private final XmlElements xml;
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

  /**
   * Opens a file. Its first bytes show whether it is gzipped.
   *
   * @param path the path of the file
   * @return a reader; close it
   * @throws ImportException if the file cannot be opened
   */
  public static XesReader open(Path path) {
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
        } else if (xml.isAt("trace") || xml.isAt("event")) {
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
    List<XesAttribute> attributes = new ArrayList<>();
    try {
      return xml.isAt("trace") ? trace(attributes) : loose();
    } catch (XMLStreamException e) {
      throw file.damaged(e, "in " + place(attributes));
    }
  }

  private XesTrace trace(List<XesAttribute> attributes) throws XMLStreamException {
    int line = xml.location().getLineNumber();
    List<XesEvent> events = new ArrayList<>();
    while (xml.nextChild()) {
      if (xml.isAt("event")) {
        events.add(event("event %d of %s".formatted(events.size() + 1, place(attributes))));
      } else {
        attributes.add(attribute());
      }
    }
    return trace(line, attributes, events);
  }

  /** An event outside of all traces. */
  private XesTrace loose() throws XMLStreamException {
    int line = xml.location().getLineNumber();
    return trace(line, List.of(), List.of(event(place(List.of()))));
  }

  private XesTrace trace(int line, List<XesAttribute> attributes, List<XesEvent> events) {
    return new XesTrace(
        "%s, line %d: %s".formatted(file.path(), line, place(attributes)),
        number,
        XesAttribute.find(attributes, NAME).orElse(null),
        List.copyOf(attributes),
        List.copyOf(events));
  }

  private XesEvent event(String place) throws XMLStreamException {
    List<XesAttribute> attributes = new ArrayList<>();
    while (xml.nextChild()) {
      attributes.add(attribute());
    }
    return new XesEvent(
        XesAttribute.find(attributes, NAME).orElse(null),
        XesAttribute.find(attributes, LIFECYCLE).orElse(null),
        XesAttribute.find(attributes, RESOURCE).orElse(null),
        XesAttribute.find(attributes, TIMESTAMP).map(text -> time(text, place)).orElse(null),
        List.copyOf(attributes));
  }

  /** An attribute with its nested attributes. */
  private XesAttribute attribute() throws XMLStreamException {
    String type = xml.name();
    String key = xml.attribute("key");
    String value = xml.attribute("value");
    List<XesAttribute> inner = new ArrayList<>();
    while (xml.nextChild()) {
      inner.add(attribute());
    }
    return new XesAttribute(type, key == null ? "" : key, value, List.copyOf(inner));
  }

  private OffsetDateTime time(String text, String place) {
    try {
      return XesTime.parse(text);
    } catch (DateTimeException e) {
      throw damaged(
          "'%s' of %s is '%s', which is no date and time".formatted(TIMESTAMP, place, text));
    }
  }

  private String place(List<XesAttribute> attributes) {
    return XesAttribute.find(attributes, NAME)
        .map(name -> "trace %d '%s'".formatted(number, name))
        .orElse("trace " + number);
  }

  private ImportException damaged(String what) {
    return file.damaged(xml.location(), what);
  }

  @Override
  public void close() {
    file.close(bytes);
  }
}
