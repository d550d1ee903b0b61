package dev.pgeventstore.kafka.internal;

import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Clients of kafka-clients. */
enum RealKafkaClients implements KafkaClients {
  INSTANCE;

  @Override
  public Admin admin(Map<String, Object> settings) {
    return KafkaClients.whereKafkaIsSeen(() -> Admin.create(settings));
  }

  @Override
  public Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
    return KafkaClients.whereKafkaIsSeen(
        () ->
            new KafkaConsumer<>(
                settings, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
  }

  @Override
  public Producer<byte[], byte[]> producer(Map<String, Object> settings) {
    return KafkaClients.whereKafkaIsSeen(
        () -> new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer()));
  }
}
