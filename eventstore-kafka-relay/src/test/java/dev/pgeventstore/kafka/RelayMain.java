package dev.pgeventstore.kafka;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A relay in a process of its own, to be killed. */
final class RelayMain {

  private RelayMain() {}

  /** Runs until it is killed: database URL, topic, shape, settings of Kafka. */
  public static void main(String[] arguments) throws InterruptedException {
    Map<String, String> kafka =
        Stream.of(arguments)
            .skip(3)
            .map(setting -> setting.split("=", 2))
            .collect(Collectors.toMap(setting -> setting[0], setting -> setting[1]));
    try (HikariDataSource pool = Bench.pool(arguments[0]);
        PostgresEventStore store = open(pool)) {
      KafkaRelay.Builder builder =
          Bench.relay(store, kafka, arguments[1], Shape.parse(arguments[2]));
      try (KafkaRelay relay = builder.start()) {
        while (true) {
          System.out.println(line(relay.status()));
          Thread.sleep(100);
        }
      }
    }
  }

  /** What {@link RelayProcess} reads. A reason may be of several lines. */
  private static String line(RelayStatus status) {
    return "RelayStatus state=%s, position=%s, aborts=%d, eventsSent=%d, messagesSent=%d, lanes=%s, reason=%s"
        .formatted(
            status.state(),
            status.position(),
            status.aborts(),
            status.eventsSent(),
            status.messagesSent(),
            status.lanes(),
            status.reason().orElse(""))
        .replace(System.lineSeparator(), " ");
  }

  /** As whoever starts processes does: again, if the database is just being restarted. */
  private static PostgresEventStore open(HikariDataSource pool) throws InterruptedException {
    long deadline = System.nanoTime() + Bench.PATIENCE.toNanos();
    while (true) {
      try {
        return Bench.store(pool);
      } catch (EventStoreException e) {
        if (System.nanoTime() > deadline) {
          throw e;
        }
        System.out.println("The store cannot be opened yet: " + e);
        Thread.sleep(100);
      }
    }
  }
}
