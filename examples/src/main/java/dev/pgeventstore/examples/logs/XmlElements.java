package dev.pgeventstore.examples.logs;

import java.io.InputStream;
import javax.xml.XMLConstants;
import javax.xml.stream.Location;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.jspecify.annotations.Nullable;

/**
 * Walks down and along the elements of an XML document, of which it never holds more than the one
 * it is at. Nothing outside the document is ever opened, and a document type is refused: what
 * attacks by XML need, an event log does not.
 */
final class XmlElements {

  private final XMLStreamReader xml;

  XmlElements(InputStream bytes) throws XMLStreamException {
    // The JDK's own, so that what is on the class path changes neither safety nor messages.
    XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    factory.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
    this.xml = factory.createXMLStreamReader(bytes);
  }

  /** Goes to the next child of the current element, or to its end, which it tells by false. */
  boolean nextChild() throws XMLStreamException {
    while (true) {
      switch (xml.next()) {
        case XMLStreamConstants.START_ELEMENT -> {
          return true;
        }
        case XMLStreamConstants.END_ELEMENT -> {
          return false;
        }
        case XMLStreamConstants.DTD ->
            throw new XMLStreamException("a document type is not accepted", xml.getLocation());
        default -> {
          // Text, comments and the like between elements mean nothing in a log.
        }
      }
    }
  }

  /** Goes to the end of the current element. */
  void skipChildren() throws XMLStreamException {
    for (int depth = 1; depth > 0; ) {
      depth += nextChild() ? 1 : -1;
    }
  }

  /** Goes on to the end of the document, so that damage there is found as well. */
  void finish() throws XMLStreamException {
    while (xml.hasNext()) {
      xml.next();
    }
  }

  /** The current element's name, without a prefix. */
  String name() {
    return xml.getLocalName();
  }

  boolean isAt(String element) {
    return xml.getLocalName().equals(element);
  }

  @Nullable String attribute(String name) {
    return xml.getAttributeValue(null, name);
  }

  Location location() {
    return xml.getLocation();
  }
}
