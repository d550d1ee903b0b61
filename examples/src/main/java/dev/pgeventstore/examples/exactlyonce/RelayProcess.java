package dev.pgeventstore.examples.exactlyonce;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.processes.ChildProcess;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.KafkaRelay;
import java.time.Duration;

/** A process that publishes the bank's events, or stands by while another process does. */
final class RelayProcess {

  private RelayProcess() {}

  /** Arguments: URL of the bank's database, bootstrap servers, topic. */
  public static void main(String[] arguments) throws Exception {
    Topic topic = new Topic(arguments[1], arguments[2]);
    try (HikariDataSource pool = Pools.of(arguments[0], 5);
        EventStore bank = ExactlyOnce.store(pool);
        KafkaRelay relay =
            KafkaRelay.builder(bank, topic.client())
                .name("bank")
                .topic(topic.name())
                // After this time, the standby replaces a killed process.
                .leaseTtl(Duration.ofSeconds(1))
                .start()) {
      ChildProcess.awaitEnd();
    }
  }
}
