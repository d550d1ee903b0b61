package dev.pgeventstore.codec;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Instant;
import java.util.UUID;

/** Encodes and decodes payloads as events of some stream. */
final class Content {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private Content() {}

  static EncodedEvent encode(EventCodec codec, Object payload) {
    return codec.encode(NewEvent.of(payload), STREAM);
  }

  static Object decode(EventCodec codec, EncodedEvent content) {
    return codec.decode(
        StoredEvent.of(
            Position.of(1), STREAM, 1, UUID.randomUUID(), content, null, Instant.EPOCH, codec));
  }
}
