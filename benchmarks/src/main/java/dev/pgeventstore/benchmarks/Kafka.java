package dev.pgeventstore.benchmarks;

import dev.pgeventstore.testkit.servers.KafkaBroker;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A broker, which is started when a work needs it, and topics for one measurement each. */
final class Kafka implements AutoCloseable {

  static final int PARTITIONS = 6;

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private Optional<KafkaBroker> broker = Optional.empty();
  private int topics;

  private KafkaBroker broker() {
    if (broker.isEmpty()) {
      broker = Optional.of(KafkaBroker.start());
    }
    return broker.get();
  }

  Map<String, Object> clients() {
    return Map.of("bootstrap.servers", broker().bootstrap());
  }

  /** The settings of a producer with the relay's acknowledgements, batches and compression. */
  Map<String, Object> producer() {
    Map<String, Object> settings = new HashMap<>(clients());
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 128 * 1024);
    settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 16L * 1024 * 1024);
    settings.put(ProducerConfig.LINGER_MS_CONFIG, 5);
    settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    return settings;
  }

  String newTopic(int partitions) throws Exception {
    String name = "benchmark-" + ++topics;
    try (Admin admin = Admin.create(clients())) {
      admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
      awaitLeaders(admin, name, partitions);
    }
    return name;
  }

  /**
   * Waits until every partition has a leader that accepts requests. A broker that has not yet
   * noticed that it leads a partition may refuse a producer's first request and accept the second.
   * The first then fails after minutes (KAFKA-15591).
   */
  private static void awaitLeaders(Admin admin, String topic, int partitions) throws Exception {
    Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
    for (int partition = 0; partition < partitions; partition++) {
      ends.put(new TopicPartition(topic, partition), OffsetSpec.latest());
    }
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (true) {
      try {
        admin.listOffsets(ends).all().get();
        return;
      } catch (ExecutionException e) {
        boolean unknownYet = e.getCause() instanceof UnknownTopicOrPartitionException;
        if (!unknownYet || System.nanoTime() > deadline) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
  }

  /** Deletes a topic after its measurement, to free its space. */
  void delete(String topic) throws Exception {
    try (Admin admin = Admin.create(clients())) {
      admin.deleteTopics(List.of(topic)).all().get();
    }
  }

  @Override
  public void close() {
    broker.ifPresent(KafkaBroker::close);
  }
}
