package dev.pgeventstore.kafka;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.postgres.PostgresEventStore;

/** A relay in a process of its own, to be killed. */
final class RelayMain {

  private RelayMain() {}

  /** Runs until it is killed: database URL, bootstrap servers, topic, leases or no leases. */
  public static void main(String[] arguments) throws InterruptedException {
    try (HikariDataSource pool = Bench.pool(arguments[0]);
        PostgresEventStore store = Bench.store(pool)) {
      KafkaRelay.Builder builder = Bench.relay(store, arguments[1], arguments[2]);
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
