package dev.pgeventstore.kafka;

import static org.awaitility.Awaitility.await;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What a compacted topic had at some time, to be put back later, as from a backup. */
final class TopicCopy {

  private final Bench bench;
  private final String topic;
  private final int partitions;
  private final List<ConsumerRecord<byte[], byte[]>> records;

  private TopicCopy(
      Bench bench, String topic, int partitions, List<ConsumerRecord<byte[], byte[]>> records) {
    this.bench = bench;
    this.topic = topic;
    this.partitions = partitions;
    this.records = records;
  }

  static TopicCopy of(Bench bench, String topic, int partitions) {
    return new TopicCopy(bench, topic, partitions, bench.consumed(topic));
  }

  void putBack() throws Exception {
    delete(bench, topic);
    try (Admin admin = bench.admin()) {
      NewTopic again =
          new NewTopic(topic, partitions, (short) 1).configs(Map.of("cleanup.policy", "compact"));
      admin.createTopics(List.of(again)).all().get();
    }
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (ConsumerRecord<byte[], byte[]> record : records) {
        producer
            .send(new ProducerRecord<>(topic, record.partition(), record.key(), record.value()))
            .get();
      }
    }
  }

  static void delete(Bench bench, String topic) throws Exception {
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of(topic)).all().get();
      await().atMost(Bench.PATIENCE).until(() -> !admin.listTopics().names().get().contains(topic));
    }
  }
}
