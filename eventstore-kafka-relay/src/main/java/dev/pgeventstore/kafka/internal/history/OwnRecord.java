package dev.pgeventstore.kafka.internal.history;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What a record says about itself that a lane of this relay has sent: little, because many of them
 * are held at once.
 *
 * @param series 1, or the number behind {@code ~} in {@code es_relay}
 * @param place in the order of its lane
 * @param previous what was sent to the same partition before
 * @param eventPosition where its event stands, if the record was sent later than its place
 * @param isInTurn whether its place is that of what it was made from; those that operators have
 *     sent stand where the lane stood
 * @param version of its event; null for a message, a dead letter or an operator's record
 * @param eventId of its event; null if the record does not say it
 * @param key as text, for a person
 * @param token under which it was sent at least once; exactly once it is in the notes
 * @param partition where the record is
 * @param offset where in it
 */
public record OwnRecord(
    int series,
    RecordPlace place,
    RecordPlace previous,
    Optional<Position> eventPosition,
    boolean isInTurn,
    @Nullable String version,
    @Nullable String eventId,
    String key,
    Optional<Token> token,
    TopicPartition partition,
    long offset) {

  private static final int UUID_LENGTH = 36;

  /**
   * Reads its headers.
   *
   * @return empty if another relay or another lane has sent it
   * @throws IllegalArgumentException if a header is missing or no number
   */
  public static Optional<OwnRecord> of(ConsumerRecord<byte[], byte[]> raw, String relay, int lane) {
    int series = SentRecord.series(raw, relay);
    if (series == 0 || !SentRecord.isOf(raw, lane)) {
      return Optional.empty();
    }
    SentRecord record = SentRecord.of(raw);
    return Optional.of(
        new OwnRecord(
            series,
            record.place(),
            record.previous(),
            record.eventPosition(),
            record.eventPosition().isEmpty()
                && Stream.of(OwnHeaders.VERSION, OwnHeaders.MESSAGE_ID, OwnHeaders.DEAD_LETTER)
                    .map(record::text)
                    .anyMatch(Objects::nonNull),
            record.text(OwnHeaders.VERSION),
            eventId(record),
            raw.key() == null ? "no key" : new String(raw.key(), UTF_8),
            Optional.ofNullable(record.text(OwnHeaders.TOKEN)).map(Token::parse),
            new TopicPartition(raw.topic(), raw.partition()),
            raw.offset()));
  }

  /** The first of these that a record has: only where the relay adds none a mapper's is meant. */
  private static @Nullable String eventId(SentRecord record) {
    return Stream.of(OwnHeaders.EVENT_ID, "ce_id", "id")
        .map(record::text)
        .filter(Objects::nonNull)
        .findFirst()
        // Further records of an event have its id with an index behind it.
        .map(id -> id.substring(0, Math.min(UUID_LENGTH, id.length())))
        .orElse(null);
  }

  public boolean isOfAnEvent() {
    return version != null;
  }

  /** Where what it was made from stands in the store. */
  public Position source() {
    return eventPosition.orElse(place.position());
  }

  /** Whether the event that the store has at its source may be the one it was made from. */
  public boolean isOf(@Nullable UUID stored) {
    return stored != null && (eventId == null || eventId.equals(stored.toString()));
  }

  @Override
  public String toString() {
    return version == null
        ? "position %s (an outbox message, key %s) in %s at offset %d"
            .formatted(place.position(), key, partition, offset)
        : "position %s (%s version %s, event %s) in %s at offset %d"
            .formatted(source(), key, version, eventId, partition, offset);
  }
}
