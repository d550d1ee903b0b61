package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;

/** Records as a relay makes them, without a relay. */
final class Records {

  static final String TOPIC = "orders";

  record OrderPlaced(String customer) {}

  static final EventCodec CODEC =
      JacksonCodec.of(EventTypes.builder().type(OrderPlaced.class, "OrderPlaced", 1).build());
  static final RecordDecoder DECODER = RecordDecoder.of(CODEC);

  private final Map<String, String> headers = new LinkedHashMap<>();
  private int partition;
  private long offset;
  private String value = "{\"customer\":\"c\"}";

  private Records() {}

  /** An event's record at a place. */
  static Records event(Place place, Place previous) {
    Records made = message(place, previous);
    return made.header("es_version", "1")
        .header("es_revision", "1")
        .header("ce_specversion", "1.0")
        .header("ce_id", new UUID(7, place.position().value()).toString())
        .header("ce_source", "/shop")
        .header("ce_type", "OrderPlaced")
        .header("ce_subject", "order-1")
        .header("ce_time", "2026-01-02T03:04:05.000006Z")
        .header("content-type", "application/json");
  }

  /** A message's record at a place. */
  static Records message(Place place, Place previous) {
    return new Records()
        .header("es_relay", "shop")
        .header("es_lane", "0")
        .header("es_position", place.position().toString())
        .header("es_index", Integer.toString(place.index()))
        .header("es_prev", previous.toString());
  }

  /** One that no relay has sent. */
  static Records foreign() {
    return new Records();
  }

  Records header(String name, String text) {
    headers.put(name, text);
    return this;
  }

  Records without(String name) {
    headers.remove(name);
    return this;
  }

  Records in(SequenceId sequence) {
    partition = sequence.partition();
    return header("es_relay", sequence.relay())
        .header("es_lane", Integer.toString(sequence.lane()));
  }

  Records at(long where) {
    offset = where;
    return this;
  }

  Records value(String text) {
    value = text;
    return this;
  }

  ConsumerRecord<byte[], byte[]> make() {
    RecordHeaders all = new RecordHeaders();
    headers.forEach((name, text) -> all.add(name, text.getBytes(UTF_8)));
    return new ConsumerRecord<>(
        TOPIC,
        partition,
        offset,
        1_000,
        TimestampType.CREATE_TIME,
        7,
        value.length(),
        "order-1".getBytes(UTF_8),
        value.getBytes(UTF_8),
        all,
        Optional.empty());
  }

  RelayedRecord decoded() {
    return DECODER.decode(make()).orElseThrow();
  }
}
