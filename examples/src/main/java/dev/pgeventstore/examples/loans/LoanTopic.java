package dev.pgeventstore.examples.loans;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** The topic with the events of all applications, read as another service would read it. */
final class LoanTopic {

  private static final String VERSION = "es_version";
  private static final Duration POLL = Duration.ofSeconds(1);

  private final String bootstrap;
  private final String name;

  LoanTopic(String bootstrap, String name) {
    this.bootstrap = bootstrap;
    this.name = name;
  }

  /**
   * What is in the topic.
   *
   * @param records events that were published
   * @param applications whose events they are
   */
  record Content(long records, long applications) {}

  /**
   * Reads the whole topic, and checks that each application's events come in order, from the first
   * on, none twice and none left out.
   *
   * @throws IllegalStateException if they do not; the message says which is the first that is wrong
   */
  Content verify() {
    try (Consumer<String, byte[]> consumer = new KafkaConsumer<>(readCommitted())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(name).stream()
              .map(info -> new TopicPartition(name, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      Map<String, Long> versions = new HashMap<>();
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        consumer.poll(POLL).forEach(record -> verifyNext(record, versions));
      }
      return new Content(
          versions.values().stream().mapToLong(Long::longValue).sum(), versions.size());
    }
  }

  private static void verifyNext(
      ConsumerRecord<String, byte[]> record, Map<String, Long> versions) {
    long version = version(record);
    long before = versions.getOrDefault(record.key(), 0L);
    if (version != before + 1) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "topic %s, partition %d, offset %d: event %d of stream %s comes after its event %d",
              record.topic(),
              record.partition(),
              record.offset(),
              version,
              record.key(),
              before));
    }
    versions.put(record.key(), version);
  }

  private static long version(ConsumerRecord<String, byte[]> record) {
    Header header = record.headers().lastHeader(VERSION);
    return Long.parseLong(new String(header.value(), StandardCharsets.UTF_8));
  }

  private Map<String, Object> readCommitted() {
    return Map.of(
        ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG,
        bootstrap,
        // Otherwise records of transactions that were broken off are read as well.
        ConsumerConfig.ISOLATION_LEVEL_CONFIG,
        "read_committed",
        ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG,
        StringDeserializer.class,
        ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG,
        ByteArrayDeserializer.class);
  }
}
