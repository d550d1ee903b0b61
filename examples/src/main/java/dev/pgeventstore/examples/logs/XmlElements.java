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
 * Visits the elements of an XML document, and holds only the current element in memory. It opens
 * nothing outside the document, and refuses document types: attacks by XML need these, but event
 * logs do not.
 */
final class XmlElements {

  private final XMLStreamReader xml;

  XmlElements(InputStream bytes) throws XMLStreamException {
    // The JDK's own parser, so that the class path changes neither its safety nor its messages.
    XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    factory.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
    this.xml = factory.createXMLStreamReader(bytes);
  }

  /**
   * Goes to the next child of the current element and returns true, or goes to the element's end
   * and returns false.
   */
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
          // Text and comments between elements have no meaning in a log.
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

  /** Reads to the end of the document, so that damage there is found, too. */
  void finish() throws XMLStreamException {
    while (xml.hasNext()) {
      xml.next();
    }
  }

  /** The name of the current element, without a prefix. */
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
