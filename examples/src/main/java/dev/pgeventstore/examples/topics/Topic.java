package dev.pgeventstore.examples.topics;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A topic of a Kafka cluster.
 *
 * @param bootstrap the addresses of the cluster
 * @param name the name of the topic
 */
public record Topic(String bootstrap, String name) {

  private static final Duration POLL = Duration.ofMillis(200);

  /**
   * Creates the topic, which must exist before a relay starts.
   *
   * @param partitions the number of partitions; never change it, because that would break the order
   *     of streams
   * @return this topic
   * @throws InterruptedException if the thread was interrupted
   * @throws IllegalStateException if the topic cannot be created
   */
  public Topic create(int partitions) throws InterruptedException {
    try (Admin admin = Admin.create(client())) {
      admin.createTopics(List.of(new NewTopic(name, partitions, (short) -1))).all().get();
      return this;
    } catch (ExecutionException e) {
      throw new IllegalStateException("topic " + name + " cannot be created", e.getCause());
    }
  }

  /**
   * The settings that every client of the cluster needs.
   *
   * @return the settings
   */
  public Map<String, Object> client() {
    return Map.of(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
  }

  /**
   * A consumer of committed records, as a member of a group: each record goes to one member.
   *
   * @param group the name of the group; a new group starts at the first record
   * @return a consumer that has subscribed to the topic; close it
   */
  public Consumer<String, String> subscribe(String group) {
    Map<String, Object> config = readCommitted();
    config.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    // Reading a record does not mean that it was handled: the caller commits after handling it.
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    Consumer<String, String> consumer =
        new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of(name));
    return consumer;
  }

  /**
   * Reads all committed records that are in the topic now, each partition in order.
   *
   * @param reader receives the records
   */
  public void readAll(java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> reader) {
    ByteArrayDeserializer bytes = new ByteArrayDeserializer();
    try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(readCommitted(), bytes, bytes)) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(name).stream()
              .map(info -> new TopicPartition(name, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (!isAtEnd(consumer)) {
        consumer.poll(POLL).forEach(reader);
      }
    }
  }

  /**
   * Deletes the beginning of partitions, as retention would do later.
   *
   * @param before the offsets of the first records that stay
   * @throws InterruptedException if the thread was interrupted
   * @throws IllegalStateException if the records cannot be deleted
   */
  public void forget(Map<TopicPartition, Long> before) throws InterruptedException {
    Map<TopicPartition, RecordsToDelete> records = new HashMap<>();
    before.forEach((p, offset) -> records.put(p, RecordsToDelete.beforeOffset(offset)));
    try (Admin admin = Admin.create(client())) {
      admin.deleteRecords(records).all().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("records of " + name + " cannot be deleted", e.getCause());
    }
  }

  /**
   * Whether a consumer has read everything that is committed so far.
   *
   * @param consumer any consumer
   * @return false if not, or if the consumer has no partitions yet
   */
  public static boolean isAtEnd(Consumer<?, ?> consumer) {
    Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
    return !ends.isEmpty()
        && ends.entrySet().stream()
            .allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
  }

  private Map<String, Object> readCommitted() {
    Map<String, Object> config = new HashMap<>(client());
    // Kafka's default would also return records of aborted transactions.
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    return config;
  }

  /**
   * A header of a record.
   *
   * @param record any record
   * @param header the name of the header
   * @return the value as text
   * @throws IllegalArgumentException if the record has no such header
   */
  public static String header(ConsumerRecord<?, ?> record, String header) {
    Header found = record.headers().lastHeader(header);
    if (found == null) {
      throw new IllegalArgumentException("%s has no header %s".formatted(record, header));
    }
    return new String(found.value(), StandardCharsets.UTF_8);
  }
}
