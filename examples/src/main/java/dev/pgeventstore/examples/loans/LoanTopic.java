package dev.pgeventstore.examples.loans;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.kafka.KafkaRelay;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
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
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** The topic that the events of all applications are published to. */
final class LoanTopic {

  private static final String VERSION = "es_version";
  private static final int PARTITIONS = 4;
  private static final Duration POLL = Duration.ofSeconds(1);

  private final Map<String, Object> brokers;
  private final String name;

  LoanTopic(String bootstrap, String name) {
    this.brokers = Map.of(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    this.name = name;
  }

  /** Publishes the store's events, those it has and those to come, until the relay is closed. */
  KafkaRelay follow(EventStore store) throws InterruptedException {
    create();
    return KafkaRelay.builder(store, brokers)
        .name(name)
        .topic(name)
        .query(EventQuery.all().categories(LoanApplication.CATEGORY))
        .start();
  }

  /** Makes the topic, unless it is there. */
  void create() throws InterruptedException {
    try (Admin admin = Admin.create(brokers)) {
      NewTopic topic = new NewTopic(name, Optional.of(PARTITIONS), Optional.empty());
      admin.createTopics(List.of(topic)).all().get();
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof TopicExistsException)) {
        throw new IllegalStateException(
            "topic %s cannot be made: %s".formatted(name, e.getCause().getMessage()), e);
      }
    }
  }

  /**
   * What is in the topic.
   *
   * @param events that were published
   * @param applications whose events they are
   */
  record Content(long events, long applications) {

    @Override
    public String toString() {
      return "%d events of %d applications".formatted(events, applications);
    }
  }

  /**
   * Reads the whole topic, as another service would, and checks that each application's events come
   * in order, from the first on, none twice and none left out.
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
    Map<String, Object> config = new HashMap<>(brokers);
    // Otherwise records of transactions that were broken off are read as well.
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    return config;
  }
}
