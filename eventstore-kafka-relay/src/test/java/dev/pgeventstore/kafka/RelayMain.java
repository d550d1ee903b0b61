package dev.pgeventstore.kafka;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A relay in a process of its own, to be killed. */
final class RelayMain {

  private RelayMain() {}

  /** Runs until it is killed: database URL, topic, shape, leases or not, settings of Kafka. */
  public static void main(String[] arguments) throws InterruptedException {
    Map<String, String> kafka =
        Stream.of(arguments)
            .skip(4)
            .map(setting -> setting.split("=", 2))
            .collect(Collectors.toMap(setting -> setting[0], setting -> setting[1]));
    try (HikariDataSource pool = Bench.pool(arguments[0]);
        PostgresEventStore store = Bench.store(pool)) {
      KafkaRelay.Builder builder =
          Bench.relay(store, kafka, arguments[1], Shape.parse(arguments[2]));
      if (!Boolean.parseBoolean(arguments[3])) {
        builder.withoutLeases();
      }
      try (KafkaRelay relay = builder.start()) {
        while (true) {
          System.out.println(relay.status());
          Thread.sleep(100);
        }
      }
    }
  }
}
