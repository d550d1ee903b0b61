package dev.pgeventstore.examples.quickstart;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * The topic of the events. It is created before the relay starts, and read as another service would
 * read it.
 */
final class BankTopic {

  private static final int PARTITIONS = 3;
  private static final Duration POLL = Duration.ofSeconds(1);

  private final String bootstrap;
  private final String name;

  BankTopic(String bootstrap, String name) {
    this.bootstrap = bootstrap;
    this.name = name;
  }

  Map<String, Object> client() {
    return Map.of(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
  }

  /** Creates the topic; returns false if it existed. */
  boolean create() throws InterruptedException {
    try (Admin admin = Admin.create(client())) {
      admin.createTopics(List.of(new NewTopic(name, PARTITIONS, (short) -1))).all().get();
      return true;
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof TopicExistsException)) {
        throw new IllegalStateException("topic " + name + " cannot be created", e.getCause());
      }
      return false;
    }
  }

  /** Everything in the topic, one line for each record. */
  List<String> read() {
    try (Consumer<String, String> consumer =
        new KafkaConsumer<>(readCommitted(), new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(name).stream()
              .map(info -> new TopicPartition(name, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      List<String> lines = new ArrayList<>();
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        consumer.poll(POLL).forEach(record -> lines.add(line(record)));
      }
      return lines;
    }
  }

  private static String line(ConsumerRecord<String, String> record) {
    return "%s  %2s  %-16s %s"
        .formatted(
            record.key(), header(record, "es_version"), header(record, "ce_type"), record.value());
  }

  private static String header(ConsumerRecord<String, String> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private Map<String, Object> readCommitted() {
    return Map.of(
        CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG,
        bootstrap,
        // Kafka's default would also return records of aborted transactions.
        ConsumerConfig.ISOLATION_LEVEL_CONFIG,
        "read_committed");
  }
}
