package dev.pgeventstore.postgres.internal.schema;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/**
 * A script of {@code db/migration}.
 *
 * @param fileName its name, which begins with its version
 * @param text its content, with {@code ${schema}} in it
 */
record MigrationScript(String fileName, String text) {

  private static final String DIRECTORY = "dev/pgeventstore/db/migration/";

  /** Loads a script that this version ships. */
  static MigrationScript load(String fileName) {
    // The library's own class loader: the thread's may be another application's, or none.
    ClassLoader library = MigrationScript.class.getClassLoader();
    try (InputStream file = library.getResourceAsStream(DIRECTORY + fileName)) {
      if (file == null) {
        throw new IllegalStateException(
            "script %s%s is not on the class path: eventstore-db of the same version belongs beside eventstore-postgres"
                .formatted(DIRECTORY, fileName));
      }
      return new MigrationScript(fileName, new String(file.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException("script " + fileName + " cannot be read", e);
    }
  }

  int version() {
    return Integer.parseInt(fileName.substring(1, fileName.indexOf("__")));
  }

  /** The checksum that Flyway stores for the script: a CRC-32 of its lines without their ends. */
  int checksum() {
    CRC32 checksum = new CRC32();
    text.lines().forEach(line -> checksum.update(line.getBytes(StandardCharsets.UTF_8)));
    return (int) checksum.getValue();
  }
}
