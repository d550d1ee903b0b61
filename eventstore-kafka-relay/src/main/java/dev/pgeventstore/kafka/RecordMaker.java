package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.feed.RecordedMessage;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.PoisonPolicy.Poison;
import dev.pgeventstore.kafka.TargetTopics.Target;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes Kafka records of events and messages: asks the mapper, chooses partitions, adds the headers
 * by which a consumer can prove that it has everything once and in order, and decides what becomes
 * of what cannot be published. All records of an event are checked before the first is added. For
 * one thread.
 */
final class RecordMaker {

  private static final Logger LOG = LoggerFactory.getLogger(RecordMaker.class);

  /** What a record takes besides its key, value and headers, when it is alone in a batch. */
  private static final int RECORD_OVERHEAD = 61 + 21;

  private static final int HEADER_OVERHEAD = 10;
  private static final int LONGEST_REASON = 1_000;

  private final RelaySpec spec;
  private final RecordMapper mapper;
  private final TargetTopics topics;
  private final Header relay;
  private final Header lane;
  private final Map<TopicPartition, RecordPlace> sent;
  private final Map<StreamId, ParkedStream> parked;
  private final Map<Position, String> skipped;

  RecordMaker(RelaySpec spec, int lane, RecordMapper mapper, LaneNotes notes, TargetTopics topics) {
    this.spec = spec;
    this.mapper = mapper;
    this.topics = topics;
    this.relay = header("es_relay", spec.series(notes.series()));
    this.lane = header("es_lane", Integer.toString(lane));
    this.sent = notes.sent();
    this.parked = notes.parked();
    this.skipped = notes.skipped();
  }

  /**
   * Adds what is to be sent of an event.
   *
   * @throws RelayHaltedException if nothing may be sent beyond it
   */
  void add(RecordedEvent event, ParcelBuilder parcel) throws InterruptedException {
    if (!isSkipped(event.position()) && !isParked(event)) {
      try {
        Position at = event.position();
        addRecords(event, mapped(event), inOrder(at), false, parcel);
        parcel.countEvent();
      } catch (Unpublishable e) {
        decide(event, e.why(), parcel);
      }
    }
    parcel.passed(event);
  }

  private boolean isParked(RecordedEvent event) {
    ParkedStream stream = parked.get(event.stream());
    // What stands before, it was not parked for: a relay may be rewound.
    return stream != null && !stream.since().isAfter(event.position());
  }

  private boolean isSkipped(Position position) {
    if (!skipped.containsKey(position)) {
      return false;
    }
    LOG.warn("Relay {} skips position {}: {}", spec.name(), position, skipped.get(position));
    return true;
  }

  /**
   * Adds what is to be sent of an event whose place in the order has gone by: behind everything
   * that was sent.
   *
   * @param reached where the lane stands
   * @throws RelayHaltedException if it still cannot be published
   */
  void addLate(RecordedEvent event, Position reached, ParcelBuilder parcel)
      throws InterruptedException {
    if (isSkipped(event.position())) {
      return;
    }
    try {
      addRecords(event, mapped(event), (previous, index) -> previous.nextAt(reached), true, parcel);
      parcel.countEvent();
    } catch (Unpublishable e) {
      throw new RelayHaltedException(
          "event %s of stream %s still cannot be published: %s"
              .formatted(event.position(), event.stream(), e.why().getMessage()),
          e.why());
    }
  }

  private List<RelayRecord> mapped(RecordedEvent event) throws Unpublishable {
    try {
      return mapper.map(event);
    } catch (RuntimeException e) {
      throw new Unpublishable(e);
    }
  }

  private void addRecords(
      RecordedEvent event,
      List<RelayRecord> records,
      Placing placing,
      boolean late,
      ParcelBuilder parcel)
      throws InterruptedException, Unpublishable {
    if (records.isEmpty()) {
      return;
    }
    List<Header> about = new ArrayList<>(3);
    about.add(header("es_version", Long.toString(event.version())));
    about.add(header("es_revision", Integer.toString(event.encoded().revision())));
    if (late) {
      about.add(header("es_event_position", event.position().toString()));
    }
    List<Packed> packed = new ArrayList<>(records.size());
    for (RelayRecord record : records) {
      byte[] key = record.key();
      byte[] forPartition = key == null ? event.stream().toString().getBytes(UTF_8) : key;
      packed.add(pack(record, target(record), forPartition, about, placing, packed));
    }
    packed.forEach(one -> one.addTo(parcel, sent));
  }

  /**
   * Adds a message.
   *
   * @throws RelayHaltedException if nothing may be sent beyond it
   */
  void add(RecordedMessage recorded, ParcelBuilder parcel) throws InterruptedException {
    if (isSkipped(recorded.position())) {
      return;
    }
    OutboxMessage message = recorded.message();
    RelayRecord record =
        RelayRecord.of(message.key().orElse(null), message.value().orElse(null))
            .topic(message.topic())
            .header("ce_id", message.id().toString());
    for (Map.Entry<String, byte[]> header : message.headers().entrySet()) {
      record = record.header(header.getKey(), header.getValue());
    }
    try {
      Target target = target(record);
      byte[] forPartition = record.key() == null ? message.topic().getBytes(UTF_8) : record.key();
      pack(record, target, forPartition, List.of(), inOrder(recorded.position()), List.of())
          .addTo(parcel, sent);
      parcel.countMessage();
    } catch (Unpublishable e) {
      decide(recorded, record, e.why(), parcel);
    }
  }

  /** Adds a record without a value, which deletes a key from a compacted topic. */
  void addTombstone(StreamId stream, Position reached, ParcelBuilder parcel)
      throws InterruptedException {
    byte[] key = stream.toString().getBytes(UTF_8);
    try {
      RelayRecord record = RelayRecord.of(key, null);
      pack(
              record,
              target(record),
              key,
              List.of(),
              (previous, index) -> previous.nextAt(reached),
              List.of())
          .addTo(parcel, sent);
    } catch (Unpublishable e) {
      throw new RelayHaltedException("the tombstone of " + stream + " cannot be sent", e.why());
    }
  }

  /** Adds what there is to be noted of topics that were not sent to before. */
  void noteTopics(ParcelBuilder parcel) {
    topics.takeNotes().forEach(parcel::note);
  }

  private Target target(RelayRecord record) throws InterruptedException, Unpublishable {
    String name = record.topic().orElse(spec.topic());
    if (name.isEmpty()) {
      throw new Unpublishable(
          new IllegalArgumentException("its record names no topic, and the relay has none"));
    }
    try {
      return topics.target(name);
    } catch (IllegalArgumentException e) {
      throw new Unpublishable(e);
    }
  }

  private Packed pack(
      RelayRecord record,
      Target target,
      byte[] forPartition,
      List<Header> about,
      Placing placing,
      List<Packed> before)
      throws Unpublishable {
    int number = target.partitioner().partition(forPartition);
    TopicPartition partition = new TopicPartition(target.topic(), number);
    RecordPlace previous = sent.getOrDefault(partition, RecordPlace.NONE);
    for (Packed earlier : before) {
      if (earlier.partition().equals(partition)) {
        previous = earlier.place();
      }
    }
    RecordPlace place = placing.next(previous, before.size());
    List<Header> headers = new ArrayList<>(record.headers().size() + 7);
    headers.addAll(record.headers());
    headers.add(relay);
    headers.add(lane);
    headers.add(header("es_position", place.position().toString()));
    headers.add(header("es_index", Integer.toString(place.index())));
    headers.add(header("es_prev", previous.toString()));
    headers.addAll(about);
    int size = size(record, headers);
    if (size > target.maxBytes()) {
      throw new Unpublishable(
          new IllegalArgumentException(
              "it takes %d bytes as a record, at most %d are allowed: raise max.request.size here and max.message.bytes at topic %s"
                  .formatted(size, target.maxBytes(), target.topic())));
    }
    return new Packed(
        new Outgoing(
            new ProducerRecord<>(
                target.topic(), number, null, record.key(), record.value(), headers),
            place.position()),
        partition,
        place,
        size);
  }

  private static int size(RelayRecord record, List<Header> headers) {
    int size = RECORD_OVERHEAD + length(record.key()) + length(record.value());
    for (Header header : headers) {
      size += HEADER_OVERHEAD + header.key().length() + length(header.value());
    }
    return size;
  }

  private static int length(byte @Nullable [] bytes) {
    return bytes == null ? 0 : bytes.length;
  }

  private static Header header(String name, String text) {
    return new RecordHeader(name, text.getBytes(name.equals("es_relay") ? UTF_8 : ISO_8859_1));
  }

  private void decide(RecordedEvent event, RuntimeException failure, ParcelBuilder parcel)
      throws InterruptedException {
    String what =
        "event %s of stream %s at position %s"
            .formatted(event.id(), event.stream(), event.position());
    Poison poison =
        new Poison(event.position(), Optional.of(event.stream().toString()), event.type(), failure);
    Decision decision = decide(poison);
    if (decision == Decision.PARK_STREAM) {
      ParkedStream stream =
          new ParkedStream(event.stream(), event.position(), Instant.now(), describe(failure));
      parked.put(event.stream(), stream);
      parcel.note(LaneNotes.parked(event.stream()), ParkedNote.format(stream));
      warn("parks a stream: " + what + " cannot be published", failure);
      return;
    }
    settle(
        decision,
        what,
        RelayRecord.of(event.stream().toString().getBytes(UTF_8), event.encoded().dataUtf8())
            .header("ce_id", event.id().toString())
            .header("ce_type", event.type())
            .header("ce_subject", event.stream().toString()),
        event.position(),
        failure,
        parcel);
  }

  private void decide(
      RecordedMessage message, RelayRecord record, RuntimeException failure, ParcelBuilder parcel)
      throws InterruptedException {
    Poison poison =
        new Poison(message.position(), Optional.empty(), message.message().topic(), failure);
    Decision decision = decide(poison);
    settle(
        // There is no stream that could wait.
        decision == Decision.PARK_STREAM ? Decision.HALT : decision,
        "%s at position %s".formatted(message.message(), message.position()),
        record,
        message.position(),
        failure,
        parcel);
  }

  private void settle(
      Decision decision,
      String what,
      RelayRecord record,
      Position position,
      RuntimeException failure,
      ParcelBuilder parcel)
      throws InterruptedException {
    switch (decision) {
      case SKIP -> {
        warn("passes over " + what + ", which cannot be published", failure);
        parcel.note(LaneNotes.skip(position), "by its policy: " + describe(failure));
      }
      case DEAD_LETTER -> {
        warn("sends " + what + " to the dead letters", failure);
        addDeadLetter(record, position, describe(failure), parcel);
      }
      default ->
          throw new RelayHaltedException(
              "%s cannot be published: %s. Everything before it is published. Mend that, or pass over it with RelayOperations.skip, and start the relay again"
                  .formatted(what, describe(failure)),
              failure);
    }
  }

  private void warn(String what, RuntimeException failure) {
    LOG.warn("Relay {} {}: {}", spec.name(), what, failure.toString());
    LOG.debug("In full", failure);
  }

  private void addDeadLetter(
      RelayRecord record, Position position, String reason, ParcelBuilder parcel)
      throws InterruptedException {
    String topic =
        spec.deadLetters()
            .orElseThrow(
                () ->
                    new RelayHaltedException(
                        "the poison policy wants a dead letter, but the relay has no topic for them: name one with deadLetters(…)"));
    byte[] forPartition = record.key() == null ? new byte[0] : record.key();
    RelayRecord letter =
        record
            .topic(topic)
            .header("dead_letter_topic", record.topic().orElse(spec.topic()))
            .header("dead_letter_reason", reason);
    try {
      try {
        pack(letter, target(letter), forPartition, List.of(), inOrder(position), List.of())
            .addTo(parcel, sent);
      } catch (Unpublishable e) {
        RelayRecord empty =
            letter
                .value((byte[]) null)
                .header("dead_letter_omitted_bytes", Integer.toString(length(letter.value())));
        pack(empty, target(empty), forPartition, List.of(), inOrder(position), List.of())
            .addTo(parcel, sent);
      }
    } catch (Unpublishable e) {
      throw new RelayHaltedException(
          "a dead letter cannot be sent: " + e.why().getMessage(), e.why());
    }
  }

  private Decision decide(Poison poison) {
    try {
      return spec.poison().on(poison);
    } catch (RuntimeException e) {
      throw new RelayHaltedException(
          "the poison policy fails on what stands at position %s: %s"
              .formatted(poison.position(), describe(e)),
          e);
    }
  }

  /** Fit for a note and a header: it may quote anything. */
  private static String describe(RuntimeException failure) {
    String text =
        failure instanceof IllegalArgumentException && failure.getMessage() != null
            ? failure.getMessage()
            : failure.toString();
    return text.substring(0, Math.min(LONGEST_REASON, text.length())).replace('\0', ' ');
  }

  private static Placing inOrder(Position position) {
    return (previous, index) -> new RecordPlace(position, index);
  }

  /** Where a record stands in the order of its lane. */
  private interface Placing {
    RecordPlace next(RecordPlace previousInPartition, int index);
  }

  /** A record with its place. */
  private record Packed(Outgoing outgoing, TopicPartition partition, RecordPlace place, int size) {

    void addTo(ParcelBuilder parcel, Map<TopicPartition, RecordPlace> sent) {
      sent.put(partition, place);
      parcel.add(outgoing, partition, place, size);
    }
  }

  /** What no trying again can publish. */
  private static final class Unpublishable extends Exception {
    private static final long serialVersionUID = 1L;
    private final RuntimeException why;

    Unpublishable(RuntimeException why) {
      super(why);
      this.why = why;
    }

    RuntimeException why() {
      return why;
    }
  }
}
