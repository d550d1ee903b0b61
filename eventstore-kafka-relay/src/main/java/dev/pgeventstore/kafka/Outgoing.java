package dev.pgeventstore.kafka;

import dev.pgeventstore.kafka.LanePosition.Anchor;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * An event on its way to Kafka.
 *
 * @param record ready to be sent
 * @param partition where it goes
 * @param place in the order of the lane
 * @param event that it was made from
 * @param bytes it takes at most
 */
record Outgoing(
    ProducerRecord<byte[], byte[]> record,
    int partition,
    RecordPlace place,
    Anchor event,
    int bytes) {}
