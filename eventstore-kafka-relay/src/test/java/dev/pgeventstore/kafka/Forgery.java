package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.subscription.Partitions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What a relay would have sent, for tests to damage. */
final class Forgery {

  private final String series;
  private final String topic;
  private final int partitions;
  private final int lanes;
  private final RecordMapper mapper;
  private final Map<String, String> previous = new HashMap<>();

  Forgery(String series, String topic, int partitions, int lanes, RecordMapper mapper) {
    this.series = series;
    this.topic = topic;
    this.partitions = partitions;
    this.lanes = lanes;
    this.mapper = mapper;
  }

  List<ProducerRecord<byte[], byte[]>> records(List<RecordedEvent> events) {
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (RecordedEvent event : events) {
      int index = 0;
      for (RelayRecord content : mapper.map(event)) {
        records.add(record(event, content, event.position(), index++));
      }
    }
    return records;
  }

  /** As the relay's producer does after a rewind, or a new one. */
  void beginAnew() {
    previous.clear();
  }

  ProducerRecord<byte[], byte[]> record(
      RecordedEvent event, RelayRecord content, Position position, int index) {
    byte[] key = content.key() == null ? event.stream().toString().getBytes(UTF_8) : content.key();
    ProducerRecord<byte[], byte[]> record =
        record(content, key, Partitions.of(event.stream(), lanes), position, index);
    header(record, "es_version", Long.toString(event.version()));
    header(record, "es_revision", Integer.toString(event.encoded().revision()));
    return record;
  }

  ProducerRecord<byte[], byte[]> message(String key, Position position, int index) {
    byte[] bytes = key.getBytes(UTF_8);
    return record(RelayRecord.of(bytes, bytes), bytes, 0, position, index);
  }

  private ProducerRecord<byte[], byte[]> record(
      RelayRecord content, byte[] key, int lane, Position position, int index) {
    String to = content.topic().orElse(topic);
    int partition = new Partitioner(partitions).partition(key);
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(
            to,
            partition,
            content.key(),
            content.value(),
            new RecordHeaders(content.headers().toArray(new Header[0])));
    header(record, "es_relay", series);
    header(record, "es_lane", Integer.toString(lane));
    header(record, "es_position", position.toString());
    header(record, "es_index", Integer.toString(index));
    String before = previous.put(lane + "/" + to + "/" + partition, position + ":" + index);
    header(record, "es_prev", before == null ? "0:0" : before);
    return record;
  }

  static void header(ProducerRecord<byte[], byte[]> record, String name, String text) {
    record.headers().remove(name).add(name, text.getBytes(UTF_8));
  }

  static void send(Bench bench, List<ProducerRecord<byte[], byte[]>> records) {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      records.forEach(producer::send);
    }
  }
}
