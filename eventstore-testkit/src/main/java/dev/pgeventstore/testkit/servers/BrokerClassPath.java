package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The jars a broker runs on. They are kept off the class path of the tests. */
final class BrokerClassPath {

  private static final String PROPERTY = "eventstore.kafka.classpath";
  private static final Path WHERE_MAVEN_WRITES_IT =
      Path.of("kafka-broker", "target", "broker.classpath");

  private BrokerClassPath() {}

  static String read() {
    Path file = file();
    try {
      return Files.readString(file).trim();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private static Path file() {
    String named = System.getProperty(PROPERTY, "");
    if (!named.isBlank() && Files.isReadable(Path.of(named))) {
      return Path.of(named);
    }
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      Path file = folder.resolve(WHERE_MAVEN_WRITES_IT);
      if (Files.isReadable(file)) {
        return file;
      }
    }
    throw new IllegalStateException(
        "no class path for a Kafka broker: %s is not there, and system property %s names %s. Make it with: mvn -pl kafka-broker generate-resources"
            .formatted(
                WHERE_MAVEN_WRITES_IT,
                PROPERTY,
                named.isBlank() ? "nothing" : named + ", which cannot be read"));
  }
}
