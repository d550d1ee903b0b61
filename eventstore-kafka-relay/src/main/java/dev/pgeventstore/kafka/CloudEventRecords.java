package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;

/**
 * Makes Kafka records of events: CloudEvents in binary mode, and headers by which a consumer can
 * prove that it has everything once and in order. The value is the stored JSON, untouched. For one
 * thread.
 */
final class CloudEventRecords {

  /** What a record takes besides its key, value and headers, when it is alone in a batch. */
  private static final int RECORD_OVERHEAD = 61 + 21;

  private static final int HEADER_OVERHEAD = 10;
  private static final int MOST_TYPES_REMEMBERED = 1_000;

  private static final byte[] SPEC_VERSION = "1.0".getBytes(UTF_8);
  private static final byte[] JSON = "application/json".getBytes(UTF_8);
  private static final byte[] FIRST = "0".getBytes(UTF_8);
  private static final byte[] TRACEPARENT = "\"traceparent\"".getBytes(UTF_8);

  private final String topic;
  private final Partitioner partitioner;
  private final int maxBytes;
  private final byte[] source;
  private final byte[] relay;
  private final byte[] lane;
  private final Map<String, byte[]> types = new HashMap<>();

  CloudEventRecords(
      String topic, Partitioner partitioner, int maxBytes, String source, String relay, int lane) {
    this.topic = topic;
    this.partitioner = partitioner;
    this.maxBytes = maxBytes;
    this.source = source.getBytes(UTF_8);
    this.relay = relay.getBytes(UTF_8);
    this.lane = Integer.toString(lane).getBytes(UTF_8);
  }

  /**
   * The record of an event.
   *
   * @throws RelayHaltedException if Kafka would not take it
   */
  Outgoing record(RecordedEvent event, LaneState state) {
    byte[] key = event.stream().toString().getBytes(UTF_8);
    int partition = partitioner.partition(key);
    RecordPlace place = new RecordPlace(event.position(), 0);
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(topic, partition, key, event.encoded().dataUtf8());
    addCloudEvent(record, event, key);
    record
        .headers()
        .add("es_relay", relay)
        .add("es_lane", lane)
        .add("es_position", bytes(event.position()))
        .add("es_index", FIRST)
        .add("es_prev", bytes(state.lastSent(partition)))
        .add("es_version", bytes(event.version()))
        .add("es_revision", bytes(event.encoded().revision()));
    int size = size(record);
    if (size > maxBytes) {
      throw new RelayHaltedException(
          "event %s of stream %s at position %s takes %d bytes as a record, at most %d are allowed: raise max.request.size here and max.message.bytes at the topic. Everything before it is published"
              .formatted(event.id(), event.stream(), event.position(), size, maxBytes));
    }
    state.send(partition, place);
    return new Outgoing(record, partition, place, Anchor.of(event), size);
  }

  private void addCloudEvent(
      ProducerRecord<byte[], byte[]> record, RecordedEvent event, byte[] subject) {
    record
        .headers()
        .add("ce_specversion", SPEC_VERSION)
        .add("ce_id", bytes(event.id()))
        .add("ce_source", source)
        .add("ce_type", type(event.type()))
        .add("ce_subject", subject)
        .add("ce_time", bytes(event.recordedAt()))
        .add("content-type", JSON);
    traceparent(event).ifPresent(text -> record.headers().add("traceparent", text.getBytes(UTF_8)));
  }

  private byte[] type(String type) {
    if (types.size() >= MOST_TYPES_REMEMBERED) {
      types.clear();
    }
    return types.computeIfAbsent(type, name -> name.getBytes(UTF_8));
  }

  private static Optional<String> traceparent(RecordedEvent event) {
    byte[] metadata = event.metadataUtf8();
    if (metadata == null || !contains(metadata, TRACEPARENT)) {
      return Optional.empty();
    }
    try {
      return event.metadata().get("traceparent");
    } catch (EventStoreException e) {
      // Metadata that somebody else wrote must not keep the event itself from arriving.
      return Optional.empty();
    }
  }

  /** Decoding the metadata of every event would cost more than all the rest. */
  private static boolean contains(byte[] text, byte[] wanted) {
    for (int start = 0; start <= text.length - wanted.length; start++) {
      int matching = 0;
      while (matching < wanted.length && text[start + matching] == wanted[matching]) {
        matching++;
      }
      if (matching == wanted.length) {
        return true;
      }
    }
    return false;
  }

  private static byte[] bytes(Object value) {
    return value.toString().getBytes(UTF_8);
  }

  private static int size(ProducerRecord<byte[], byte[]> record) {
    int size = RECORD_OVERHEAD + record.key().length + record.value().length;
    for (Header header : record.headers()) {
      size += HEADER_OVERHEAD + header.key().length() + header.value().length;
    }
    return size;
  }
}
