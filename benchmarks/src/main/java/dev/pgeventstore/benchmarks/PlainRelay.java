package dev.pgeventstore.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * The limit: a relay written by hand. Pages from plain JDBC are sent one after the other. With
 * transactions, each page is one transaction, which also has the position that the page ends at.
 * The records are the relay's, with as many headers.
 */
final class PlainRelay {

  static final int PAGE = 5_000;

  private static final byte[] VERSION = "1.0".getBytes(UTF_8);
  private static final byte[] SOURCE = "/benchmark".getBytes(UTF_8);
  private static final byte[] JSON = "application/json".getBytes(UTF_8);
  private static final byte[] RELAY = "benchmark".getBytes(UTF_8);
  private static final byte[] ZERO = "0".getBytes(UTF_8);

  private final KafkaProducer<byte[], byte[]> producer;
  private final String topic;
  private final Optional<String> positions;
  private final AtomicReference<Exception> failure = new AtomicReference<>();
  private long last;

  /** Creates a relay that uses transactions if there is a topic for positions. */
  PlainRelay(KafkaProducer<byte[], byte[]> producer, String topic, Optional<String> positions) {
    this.producer = producer;
    this.topic = topic;
    this.positions = positions;
  }

  /** Sends the whole table, and returns the number of rows. */
  int run(Connection connection) throws Exception {
    int count = 0;
    try (PreparedStatement select = PlainTable.selectPage(connection)) {
      int size;
      do {
        if (positions.isPresent()) {
          producer.beginTransaction();
        }
        select.setLong(1, last);
        select.setInt(2, PAGE);
        size = PlainTable.read(select, this::send);
        if (positions.isPresent()) {
          send(new ProducerRecord<>(positions.get(), RELAY, bytes(last)));
          producer.commitTransaction();
        }
        count += size;
      } while (size == PAGE);
    }
    producer.flush();
    if (failure.get() != null) {
      throw failure.get();
    }
    return count;
  }

  private void send(PlainTable.Row row) {
    send(record(topic, row, last));
    last = row.position();
  }

  private void send(ProducerRecord<byte[], byte[]> record) {
    Future<RecordMetadata> unused =
        producer.send(record, (metadata, problem) -> failure.compareAndSet(null, problem));
  }

  static ProducerRecord<byte[], byte[]> record(String topic, PlainTable.Row row, long previous) {
    byte[] stream = row.stream().getBytes(UTF_8);
    ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, stream, row.data());
    record
        .headers()
        .add("ce_specversion", VERSION)
        .add("ce_id", row.id().toString().getBytes(UTF_8))
        .add("ce_source", SOURCE)
        .add("ce_type", row.type().getBytes(UTF_8))
        .add("ce_subject", stream)
        .add("ce_time", row.recordedAt().toInstant().toString().getBytes(UTF_8))
        .add("content-type", JSON)
        .add("es_relay", RELAY)
        .add("es_lane", ZERO)
        .add("es_position", bytes(row.position()))
        .add("es_index", ZERO)
        .add("es_prev", (previous + ":0").getBytes(UTF_8))
        .add("es_version", bytes(row.version()))
        .add("es_revision", bytes(row.revision()));
    return record;
  }

  private static byte[] bytes(long number) {
    return Long.toString(number).getBytes(UTF_8);
  }
}
