package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The broker's jars: those that a file lists, or the class path of this JVM if the broker is on it.
 */
final class BrokerClassPath {

  private static final String PROPERTY = "eventstore.kafka.classpath";
  private static final Path BUILT = Path.of("kafka-broker", "target", "broker.classpath");

  private BrokerClassPath() {}

  static String read() {
    Path file = find();
    if (file == null) {
      return System.getProperty("java.class.path");
    }
    try {
      return Files.readString(file).trim();
    } catch (IOException e) {
      throw new UncheckedIOException("the broker's class path cannot be read from " + file, e);
    }
  }

  /** The file; null if the broker is on the class path. */
  private static @Nullable Path find() {
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
    if (isOnClassPath()) {
      return null;
    }
    throw missing("it is not on the class path, and no file was named by -D" + PROPERTY);
  }

  private static boolean isOnClassPath() {
    try {
      Class.forName("kafka.Kafka", false, BrokerClassPath.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static IllegalStateException missing(String what) {
    return new IllegalStateException(
        "there is no Kafka broker: %s. Add org.apache.kafka:kafka_2.13 with scope test, or name a broker that runs with -Dkafka.bootstrap=host:port"
            .formatted(what));
  }
}
