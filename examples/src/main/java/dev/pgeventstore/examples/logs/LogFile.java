package dev.pgeventstore.examples.logs;

import java.io.BufferedInputStream;
import java.io.CharConversionException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import javax.xml.stream.Location;
import javax.xml.stream.XMLStreamException;

/**
 * A file that may be gzipped, with messages for its errors.
 *
 * @param path the path of the file
 */
record LogFile(Path path) {

  /** Opens the file. Its first two bytes show whether it is gzipped; its name does not matter. */
  InputStream open() {
    if (Files.notExists(path)) {
      throw new ImportException(path + ": there is no such file");
    }
    if (Files.isDirectory(path)) {
      throw new ImportException(path + ": this is a folder, not a file");
    }
    try {
      InputStream bytes = new BufferedInputStream(Files.newInputStream(path));
      try {
        return isGzipped(bytes) ? new GzippedData(bytes) : bytes;
      } catch (IOException e) {
        bytes.close();
        throw e;
      }
    } catch (IOException e) {
      throw new ImportException(path + ": " + why(e), e);
    }
  }

  private static boolean isGzipped(InputStream bytes) throws IOException {
    bytes.mark(2);
    boolean gzipped = bytes.read() == 0x1f && bytes.read() == 0x8b;
    bytes.reset();
    return gzipped;
  }

  void close(InputStream bytes) {
    try {
      bytes.close();
    } catch (IOException e) {
      throw new ImportException(path + ": it cannot be closed: " + e, e);
    }
  }

  ImportException damaged(Location at, String what) {
    return new ImportException("%s, line %d: %s".formatted(path, at.getLineNumber(), what));
  }

  ImportException damaged(XMLStreamException e, String within) {
    Location at = e.getLocation();
    String place =
        at == null
            ? path.toString()
            : "%s, line %d, column %d".formatted(path, at.getLineNumber(), at.getColumnNumber());
    String why =
        e.getNestedException() instanceof IOException io
            ? why(io)
            : "this is not well-formed XML: " + reason(e);
    return new ImportException("%s, %s: %s".formatted(place, within, why), e);
  }

  private static String why(IOException e) {
    if (e instanceof EOFException || e.getCause() instanceof EOFException) {
      return "the gzipped data ends too early, so the file is not complete";
    }
    if (e instanceof ZipException) {
      return "the gzipped data is damaged: " + e.getMessage();
    }
    if (e instanceof CharConversionException) {
      return "the text is not in the encoding it should be in: " + e.getMessage();
    }
    return "it cannot be read: " + e;
  }

  /** The parser's message has the place on separate lines before the reason. */
  private static String reason(XMLStreamException e) {
    String message = String.valueOf(e.getMessage());
    return message.substring(message.lastIndexOf('\n') + 1).replaceFirst("^Message: ", "");
  }

  /**
   * The XML parser treats an EOFException as the normal end of the file, so it gets another
   * exception.
   */
  private static final class GzippedData extends GZIPInputStream {

    GzippedData(InputStream bytes) throws IOException {
      super(bytes, 1 << 16);
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      try {
        return super.read(buffer, offset, length);
      } catch (EOFException e) {
        throw new IOException(e);
      }
    }
  }
}
