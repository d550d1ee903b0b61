package dev.pgeventstore.kafka.internal.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.topics.TargetTopics;
import dev.pgeventstore.kafka.internal.topics.TargetTopics.Target;
import dev.pgeventstore.kafka.record.RelayRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Gives records their partition, their place in the order, and the headers by which a consumer can
 * prove that it has everything once and in order. For one thread.
 */
final class RecordPacker {

  /** What a record takes besides its key, value and headers, when it is alone in a batch. */
  private static final int RECORD_OVERHEAD = 61 + 21;

  private static final int HEADER_OVERHEAD = 10;

  private final String relayTopic;
  private final String positionTopic;
  private final Header relay;
  private final Header lane;
  private final Map<TopicPartition, RecordPlace> sent;
  private final Map<TopicPartition, RecordPlace> lastSent;
  private final TargetTopics topics;
  private final int tokenBytes;

  /**
   * A packer.
   *
   * @param sent what the lane has sent last to each partition
   * @param lastSent the same, counting what it had sent before it was rewound: readers may have
   *     seen that
   */
  RecordPacker(
      String relayTopic,
      String positionTopic,
      String series,
      int lane,
      Map<TopicPartition, RecordPlace> sent,
      Map<TopicPartition, RecordPlace> lastSent,
      TargetTopics topics,
      boolean tokens) {
    this.relayTopic = relayTopic;
    this.positionTopic = positionTopic;
    this.relay = OwnHeaders.of(OwnHeaders.RELAY, series);
    this.lane = OwnHeaders.of(OwnHeaders.LANE, Integer.toString(lane));
    this.sent = sent;
    this.lastSent = lastSent;
    this.topics = topics;
    this.tokenBytes = tokens ? HEADER_OVERHEAD + OwnHeaders.TOKEN.length() + Token.LONGEST : 0;
  }

  /** Adds what there is to be noted of topics that were not sent to before. */
  void noteTopics(OpenParcel parcel) {
    topics.takeNotes().forEach(parcel::note);
  }

  /**
   * Adds records that belong together: all, or none.
   *
   * @param keyless chooses the partition of records without a key, in place of that
   * @param about headers that all of them have
   * @param placing where they stand
   * @throws Unpublishable if one of them cannot be sent
   */
  void add(
      List<RelayRecord> records,
      String keyless,
      List<Header> about,
      Placing placing,
      OpenParcel parcel)
      throws InterruptedException, Unpublishable {
    List<Packed> packed = new ArrayList<>(records.size());
    for (RelayRecord record : records) {
      packed.add(pack(record, keyless, about, placing, packed));
    }
    for (Packed one : packed) {
      sent.put(one.partition, one.place);
      parcel.add(one.outgoing, one.partition, one.place, one.size);
    }
  }

  private Packed pack(
      RelayRecord record, String keyless, List<Header> about, Placing placing, List<Packed> before)
      throws InterruptedException, Unpublishable {
    Target target = target(record);
    byte[] key = record.key();
    int number = target.partitioner().partition(key == null ? keyless.getBytes(UTF_8) : key);
    TopicPartition partition = new TopicPartition(target.topic(), number);
    RecordPlace previous = previous(partition, before);
    RecordPlace last = lastSent.getOrDefault(partition, RecordPlace.NONE);
    RecordPlace place = placing.next(previous.compareTo(last) > 0 ? previous : last, before.size());
    List<Header> headers = new ArrayList<>(record.headers().size() + 5 + about.size());
    headers.addAll(record.headers());
    headers.add(relay);
    headers.add(lane);
    headers.add(OwnHeaders.of(OwnHeaders.POSITION, place.position().toString()));
    headers.add(OwnHeaders.of(OwnHeaders.INDEX, Integer.toString(place.index())));
    headers.add(OwnHeaders.of(OwnHeaders.PREVIOUS, previous.toString()));
    headers.addAll(about);
    int size = size(record, headers) + tokenBytes;
    if (size > target.maxBytes()) {
      throw new Unpublishable(
          new IllegalArgumentException(
              "it takes %d bytes as a record, at most %d are allowed: raise max.request.size here and max.message.bytes at topic %s"
                  .formatted(size, target.maxBytes(), target.topic())));
    }
    return new Packed(
        new Outgoing(
            new ProducerRecord<>(
                target.topic(),
                number,
                record.timestamp().map(Instant::toEpochMilli).orElse(null),
                key,
                record.value(),
                headers),
            place.position()),
        partition,
        place,
        size);
  }

  private Target target(RelayRecord record) throws InterruptedException, Unpublishable {
    String name = record.topic().orElse(relayTopic);
    if (name.isEmpty()) {
      throw new Unpublishable(
          new IllegalArgumentException("its record names no topic, and the relay has none"));
    }
    if (name.equals(positionTopic) || name.startsWith(RelaySpec.POSITION_TOPICS)) {
      // Or it would be taken for a note.
      throw new Unpublishable(
          new IllegalArgumentException("topic %s is for the notes of relays only".formatted(name)));
    }
    try {
      return topics.target(name);
    } catch (IllegalArgumentException | InvalidTopicException e) {
      throw new Unpublishable(e);
    }
  }

  private RecordPlace previous(TopicPartition partition, List<Packed> before) {
    for (int i = before.size() - 1; i >= 0; i--) {
      if (before.get(i).partition.equals(partition)) {
        return before.get(i).place;
      }
    }
    return sent.getOrDefault(partition, RecordPlace.NONE);
  }

  private static int size(RelayRecord record, List<Header> headers) {
    int size = RECORD_OVERHEAD + length(record.key()) + length(record.value());
    for (Header header : headers) {
      size += HEADER_OVERHEAD + Utils.utf8Length(header.key()) + length(header.value());
    }
    return size;
  }

  static int length(byte @Nullable [] bytes) {
    return bytes == null ? 0 : bytes.length;
  }

  /** Where a record stands in the order of its lane. */
  @FunctionalInterface
  interface Placing {

    RecordPlace next(RecordPlace lastInPartition, int index);

    /** Where what it was made from stands. */
    static Placing inTurn(Position position) {
      return (last, index) -> new RecordPlace(position, index);
    }

    /** Behind everything that was sent up to where the lane stands. */
    static Placing late(Position reached) {
      return (last, index) -> last.nextAt(reached);
    }
  }

  private record Packed(Outgoing outgoing, TopicPartition partition, RecordPlace place, int size) {}

  /** What no trying again can publish. */
  static final class Unpublishable extends Exception {
    private static final long serialVersionUID = 1L;
    private final Throwable why;

    Unpublishable(Throwable why) {
      super(why);
      this.why = why;
    }

    Throwable why() {
      return why;
    }
  }
}
