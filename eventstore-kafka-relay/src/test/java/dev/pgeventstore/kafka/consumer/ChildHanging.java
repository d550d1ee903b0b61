package dev.pgeventstore.kafka.consumer;

import com.zaxxer.hikari.HikariDataSource;
import java.nio.file.Files;
import java.nio.file.Path;

/** A consumer whose handler waits in the middle of its transaction for a file, to be frozen. */
final class ChildHanging {

  private ChildHanging() {}

  /** Runs until it is killed: database URL, bootstrap servers, topic, group, stream, file. */
  public static void main(String[] arguments) throws Exception {
    Path file = Path.of(arguments[5]);
    RelayedHandler handler =
        batch -> {
          ConsumerBench.work(batch);
          if (batch.records().stream()
              .anyMatch(record -> record.event().stream().toString().equals(arguments[4]))) {
            System.out.println("now");
            while (!Files.exists(file)) {
              Thread.sleep(20);
            }
          }
        };
    try (HikariDataSource pool = ConsumerBench.pool(arguments[0] + "&ApplicationName=frozen");
        RelayedConsumer consumer =
            RelayedConsumer.builder(
                    ConsumerBench.kafka(arguments[1]),
                    pool,
                    ConsumerBench.inbox(arguments[3]),
                    handler)
                .topics(arguments[2])
                .start()) {
      Thread.currentThread().join();
    }
  }
}
