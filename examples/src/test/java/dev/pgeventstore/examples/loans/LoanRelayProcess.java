package dev.pgeventstore.examples.loans;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A relay of loan applications in a separate process, to be killed. */
final class LoanRelayProcess {

  private final Path output;
  private final Process process;

  LoanRelayProcess(Path folder, String... arguments) throws IOException {
    output = Files.createTempFile(folder, "relay", ".log");
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            LoanRelayProcess.class.getName());
    builder.command().addAll(List.of(arguments));
    process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
  }

  /** Runs until it is killed. Arguments: database URL, bootstrap servers, topic. */
  public static void main(String[] arguments) throws Exception {
    try (HikariDataSource pool = Pools.of(arguments[0], 5);
        EventStore store =
            PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build();
        KafkaRelay relay =
            new LoanTopic(arguments[1], arguments[2])
                .relay(store)
                .leaseTtl(Duration.ofSeconds(1))
                .start()) {
      while (true) {
        RelayStatus status = relay.status();
        System.out.printf("sent %d, at %s%n", status.eventsSent(), status.position());
        Thread.sleep(100);
      }
    }
  }

  /** The number of events that this process has sent, and their last position. */
  Sent sent() {
    try {
      return Files.readAllLines(output).stream()
          .filter(line -> line.matches("sent \\d+, at \\d+"))
          .map(line -> line.split("\\D+"))
          .map(numbers -> new Sent(Long.parseLong(numbers[1]), Long.parseLong(numbers[2])))
          .reduce((earlier, later) -> later)
          .orElse(new Sent(0, 0));
    } catch (IOException e) {
      throw new AssertionError("the output of a relay cannot be read", e);
    }
  }

  record Sent(long events, long position) {}

  void kill() {
    try {
      process.destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a relay was ending", e);
    }
  }
}
