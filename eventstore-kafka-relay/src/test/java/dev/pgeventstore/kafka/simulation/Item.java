package dev.pgeventstore.kafka.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.spi.StoredEvent;
import dev.pgeventstore.subscription.Partitions;
import java.time.Instant;
import java.util.UUID;

/**
 * What stands at a position: an event, or a message.
 *
 * @param stream of the event; the key of the message
 * @param version of the event in its stream; 0 for a message
 * @param topic where it goes
 * @param poison whether it cannot be published
 */
record Item(long position, UUID id, StreamId stream, long version, String topic, boolean poison) {

  static final String EVENTS = "events";
  static final String MESSAGES = "messages";
  static final String RELAY = "relay";

  boolean isEvent() {
    return version > 0;
  }

  /** The same where the store has placed it. */
  Item at(long otherPosition, long otherVersion) {
    return new Item(otherPosition, id, stream, otherVersion, topic, poison);
  }

  int lane(int lanes) {
    return Partitions.of(stream, lanes);
  }

  RecordedEvent event() {
    return StoredEvent.of(
        Position.of(position),
        stream,
        version,
        id,
        EncodedEvent.of(poison ? "poison" : "event", 1, "{}"),
        null,
        Instant.EPOCH,
        new NoCodec());
  }

  RecordedMessage message() {
    return RecordedMessage.of(
        Position.of(position),
        OutboxMessage.to(RELAY, topic)
            .key(stream.toString())
            .value(id.toString().getBytes(UTF_8))
            .id(id),
        Instant.EPOCH);
  }

  @Override
  public String toString() {
    return position + ":" + stream + (isEvent() ? "/" + version : "");
  }
}
