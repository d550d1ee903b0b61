package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The broker's jars. They are kept off the class path of whoever uses it. */
final class BrokerClassPath {

  private static final String PROPERTY = "eventstore.kafka.classpath";
  private static final Path BUILT = Path.of("kafka-broker", "target", "broker.classpath");

  private BrokerClassPath() {}

  static String read() {
    Path file = find();
    try {
      return Files.readString(file).trim();
    } catch (IOException e) {
      throw new UncheckedIOException("the broker's class path cannot be read from " + file, e);
    }
  }

  private static Path find() {
    String named = System.getProperty(PROPERTY, "");
    if (!named.isBlank()) {
      Path file = Path.of(named);
      if (Files.isRegularFile(file)) {
        return file;
      }
      throw missing("%s, named by -D%s, is not there".formatted(file, PROPERTY));
    }
    Path start = Path.of("").toAbsolutePath();
    for (Path folder = start; folder != null; folder = folder.getParent()) {
      Path file = folder.resolve(BUILT);
      if (Files.isRegularFile(file)) {
        return file;
      }
    }
    throw missing("there is no %s in %s or above it".formatted(BUILT, start));
  }

  private static IllegalStateException missing(String what) {
    return new IllegalStateException(
        "no class path for a Kafka broker: "
            + what
            + ". Write it with 'mvn -pl kafka-broker generate-resources', or name a broker that"
            + " runs with -Dkafka.bootstrap=host:port");
  }
}
