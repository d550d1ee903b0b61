package dev.pgeventstore.examples.loans;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JacksonCodec;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/** A relay of loan applications in a JVM of its own, there to be killed. */
final class LoanRelayProcess implements AutoCloseable {

  private final Process process;

  LoanRelayProcess(String pgUrl, String bootstrap, String topic) throws IOException {
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                LoanRelayProcess.class.getName(),
                pgUrl,
                bootstrap,
                topic)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  /** Runs until it is killed. */
  public static void main(String[] arguments) throws InterruptedException {
    try (HikariDataSource database = database(arguments[0]);
        EventStore store = store(database);
        KafkaRelay relay = relay(store, arguments[1], arguments[2])) {
      new CountDownLatch(1).await();
    }
  }

  static HikariDataSource database(String pgUrl) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(pgUrl);
    config.setMaximumPoolSize(5);
    return new HikariDataSource(config);
  }

  static EventStore store(HikariDataSource database) {
    return PostgresEventStore.builder(database)
        .codec(JacksonCodec.of(EventTypes.of(LoanEvent.class)))
        .build();
  }

  /** The same relay in every process. What a killed one leaves is given up soon. */
  static KafkaRelay relay(EventStore store, String bootstrap, String topic) {
    return KafkaRelay.builder(
            store, Map.of("bootstrap.servers", bootstrap, "transaction.timeout.ms", 3_000))
        .name(topic)
        .topic(topic)
        .leaseTtl(Duration.ofSeconds(1))
        .start();
  }
}
