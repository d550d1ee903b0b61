package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * A record that a relay has sent: an event's, or an outbox message's. Safe for many threads as long
 * as its arrays and headers are not changed: they are not copied.
 */
public final class RelayedRecord {

  private static final int UUID_LENGTH = 36;
  private static final Set<String> NO_METADATA =
      Set.of(
          "ce_specversion",
          "ce_id",
          "ce_source",
          "ce_type",
          "ce_subject",
          "ce_time",
          "content-type");

  private final ConsumerRecord<byte[], byte[]> record;
  private final SequenceId sequence;
  private final Place place;
  private final Place previous;
  private final long version;
  private final EventCodec codec;

  // Making it twice in a race is harmless.
  private volatile @Nullable RecordedEvent event;

  RelayedRecord(
      ConsumerRecord<byte[], byte[]> record,
      SequenceId sequence,
      Place place,
      Place previous,
      long version,
      EventCodec codec) {
    this.record = record;
    this.sequence = sequence;
    this.place = place;
    this.previous = previous;
    this.version = version;
    this.codec = codec;
  }

  /**
   * Which sequence it belongs to.
   *
   * @return relay, lane, topic and partition
   */
  public SequenceId sequence() {
    return sequence;
  }

  /**
   * Where it stands in its sequence.
   *
   * @return larger than that of every record before it, repeats aside
   */
  public Place place() {
    return place;
  }

  /**
   * Where the record before it stands.
   *
   * @return {@link Place#START} for the first of its sequence
   */
  public Place previous() {
    return previous;
  }

  /**
   * Its offset in the partition.
   *
   * @return 0 or more; with read_uncommitted, or when sent at least once, the same record may have
   *     several
   */
  public long offset() {
    return record.offset();
  }

  /**
   * The key.
   *
   * @return the array itself; null for none
   */
  public byte @Nullable [] key() {
    return record.key();
  }

  /**
   * The value.
   *
   * @return the array itself; null for none
   */
  public byte @Nullable [] value() {
    return record.value();
  }

  /**
   * All headers, the relay's among them.
   *
   * @return as they came
   */
  public Headers headers() {
    return record.headers();
  }

  /**
   * A header as text.
   *
   * @param name of the header; of several the last counts
   * @return read as UTF-8; empty if there is none
   */
  public Optional<String> header(String name) {
    return new RelayHeaders(record).text(name);
  }

  /**
   * The record as Kafka's client gave it.
   *
   * @return the object itself
   */
  public ConsumerRecord<byte[], byte[]> original() {
    return record;
  }

  /**
   * What kind of event or message it is: the header {@code ce_type}.
   *
   * @return empty if the mapper or the message gave none
   */
  public Optional<String> type() {
    return header("ce_type");
  }

  /**
   * Whether it was made from an event, and not from an outbox message or by an operator.
   *
   * @return true if {@link #event()} can be asked for
   */
  public boolean isEvent() {
    return version > 0;
  }

  /**
   * The event that it was made from. Its position is that in the store, which is lower than this
   * record's if its stream had been parked. Its payload is decoded when it is first asked for; its
   * content is this record's value, as it is. Its metadata are the headers that neither the relay
   * nor the CloudEvents standard prescribes, {@code traceparent} for one: by their names, and those
   * of CloudEvents extensions without {@code ce_}.
   *
   * <p>It is for records as the relay makes them by default: CloudEvents whose value is the stored
   * JSON. What another mapper has made is read by {@link #value()} and {@link #headers()}.
   *
   * @return made once
   * @throws IllegalStateException if it was not made from an event
   * @throws NotRelayedException if the headers of CloudEvents, or the value, are missing or garbled
   */
  public RecordedEvent event() {
    if (!isEvent()) {
      throw new IllegalStateException(this + " was not made from an event: ask isEvent() before");
    }
    RecordedEvent made = event;
    if (made == null) {
      made = makeEvent();
      event = made;
    }
    return made;
  }

  private RecordedEvent makeEvent() {
    RelayHeaders headers = new RelayHeaders(record);
    byte[] json = record.value();
    if (json == null) {
      throw headers.flaw("has no value, so it has no event", null);
    }
    int revision = headers.require(OwnHeaders.REVISION, Numbers::parseInt);
    Position position =
        headers
            .text(OwnHeaders.EVENT_POSITION)
            .map(text -> headers.parse(OwnHeaders.EVENT_POSITION, text, RelayedRecord::position))
            .orElse(place.position());
    return StoredEvent.of(
        position,
        headers.require("ce_subject", StreamId::parse),
        version,
        headers.require("ce_id", RelayedRecord::eventId),
        EncodedEvent.of(headers.require("ce_type"), revision, json),
        metadata(),
        headers.require("ce_time", Instant::parse),
        codec);
  }

  private static Position position(String text) {
    return Position.of(Numbers.parseLong(text));
  }

  /** Further records of one event have the index behind its id. */
  private static UUID eventId(String text) {
    return UUID.fromString(text.substring(0, Math.min(UUID_LENGTH, text.length())));
  }

  private byte @Nullable [] metadata() {
    Map<String, String> entries = new TreeMap<>();
    for (Header header : record.headers()) {
      String name = header.key();
      if (header.value() != null
          && !name.startsWith(OwnHeaders.OWN)
          && !NO_METADATA.contains(name)) {
        String text = new String(header.value(), UTF_8);
        // Others send bytes in headers, which are no text.
        if (text.indexOf('\0') < 0) {
          entries.put(name.startsWith("ce_") ? name.substring(3) : name, text);
        }
      }
    }
    return entries.isEmpty() ? null : codec.encodeMetadata(Metadata.of(entries));
  }

  @Override
  public String toString() {
    return "%s@%d of %s at %s after %s"
        .formatted(
            sequence.topic() + "-" + sequence.partition(),
            record.offset(),
            "relay " + sequence.relay() + ", lane " + sequence.lane(),
            place,
            previous);
  }
}
