package dev.pgeventstore.examples.exactlyonce;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.processes.ChildProcess;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedConsumer;
import dev.pgeventstore.kafka.consumer.WatermarkInbox;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;

/** A process of another service, which keeps the ledger in its own database. */
final class LedgerProcess {

  private LedgerProcess() {}

  /** Arguments: URL of the ledger's database, bootstrap servers, topic. */
  public static void main(String[] arguments) throws Exception {
    Topic topic = new Topic(arguments[1], arguments[2]);
    Map<String, Object> kafka = new HashMap<>(topic.client());
    // With a fixed instance id, the replacement of a killed process gets its partitions
    // immediately.
    kafka.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, "ledger-1");
    RecordDecoder decoder = RecordDecoder.of(ExactlyOnce.codec());
    WatermarkInbox inbox = WatermarkInbox.builder("ledger", decoder).build();
    try (HikariDataSource pool = Pools.of(arguments[0], 5)) {
      inbox.createTable(pool);
      // The rows of the ledger commit together with the consumer's progress.
      try (RelayedConsumer consumer =
          RelayedConsumer.builder(kafka, pool, inbox, Ledger::enter)
              .topics(topic.name())
              .handlerThreads(4) // The pool has a connection for each, and one more.
              .start()) {
        ChildProcess.awaitEnd();
      }
    }
  }
}
