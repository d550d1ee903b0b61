package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.header.Header;

/** Events as a store would give them, and what is in the records made of them. */
final class Recorded {

  static final UUID ID = UUID.fromString("0192f0c1-2d3e-7abc-8def-0123456789ab");
  static final Instant AT = Instant.parse("2026-11-21T20:00:37.123456Z");

  private static final EventCodec CODEC = JacksonCodec.of(EventTypes.none());

  private Recorded() {}

  static RecordedEvent event(String type, String json) {
    return event(EncodedEvent.of(type, 2, json), null);
  }

  static RecordedEvent withMetadata(String metadata) {
    return event(EncodedEvent.of("OrderPlaced", 2, "{}"), metadata);
  }

  static RecordedEvent erased() {
    return event(EncodedEvent.of(RecordedEvent.ERASED_TYPE, 1, "{}".getBytes(UTF_8)), null);
  }

  private static RecordedEvent event(EncodedEvent encoded, String metadata) {
    return StoredEvent.of(
        Position.of(42),
        StreamId.of("order", "2026-ö"),
        7,
        ID,
        encoded,
        metadata == null ? null : metadata.getBytes(UTF_8),
        AT,
        CODEC);
  }

  static Map<String, String> headers(RelayRecord record) {
    Map<String, String> texts = new LinkedHashMap<>();
    for (Header header : record.headers()) {
      texts.put(header.key(), new String(header.value(), UTF_8));
    }
    return texts;
  }
}
