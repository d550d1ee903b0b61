package dev.pgeventstore.kafka.consumer;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;

/** A relay to be killed. */
final class ChildRelay {

  private ChildRelay() {}

  /** Runs until it is killed: database URL, bootstrap servers, topic. */
  public static void main(String[] arguments) throws InterruptedException {
    try (HikariDataSource pool = ConsumerBench.pool(arguments[0]);
        PostgresEventStore store = ConsumerBench.store(pool);
        KafkaRelay relay = ConsumerBench.relay(store, arguments[1], arguments[2]).start()) {
      Thread.currentThread().join();
    }
  }
}
