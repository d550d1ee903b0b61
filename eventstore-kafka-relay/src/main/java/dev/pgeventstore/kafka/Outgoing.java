package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * A record on its way to Kafka.
 *
 * @param record ready to be sent
 * @param position of what it was made from
 */
record Outgoing(ProducerRecord<byte[], byte[]> record, Position position) {

  String failedBy(Throwable failure) {
    return "the record made at position %s could not be sent to %s-%d: %s"
        .formatted(position, record.topic(), record.partition(), failure.getMessage());
  }
}
