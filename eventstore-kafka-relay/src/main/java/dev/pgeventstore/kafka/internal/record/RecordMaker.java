package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.position.PositionRange;
import dev.pgeventstore.kafka.internal.record.RecordPacker.Placing;
import dev.pgeventstore.kafka.internal.record.RecordPacker.Unpublishable;
import dev.pgeventstore.kafka.internal.topics.TargetTopics;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.spi.RecordedMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.common.header.Header;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes Kafka records of events and messages: asks the mapper, and leaves out what is to be left
 * out. All records of an event are checked before the first is added. For one thread.
 */
public final class RecordMaker {

  private static final Logger LOG = LoggerFactory.getLogger(RecordMaker.class);

  private final RelaySpec spec;
  private final RecordMapper mapper;
  private final RecordPacker packer;
  private final Map<StreamId, ParkedNote> parked;
  private final Poisoning poisoning;
  private final Map<StreamId, List<PositionRange>> discarded;
  private final Map<Position, String> skipped;
  private final Refusals refusals;

  public RecordMaker(
      RelaySpec spec,
      int lane,
      String databaseId,
      LaneNotes notes,
      TargetTopics topics,
      Refusals refusals) {
    this.spec = spec;
    this.mapper = spec.mapper(databaseId);
    this.packer =
        new RecordPacker(
            spec.topic(),
            spec.positionTopicName(databaseId),
            spec.series(notes.series()),
            lane,
            notes.sent(),
            notes.lastSent(),
            topics,
            spec.delivery() == Delivery.AT_LEAST_ONCE);
    this.parked = notes.parked();
    this.discarded = notes.discarded();
    this.skipped = notes.skipped();
    this.refusals = refusals;
    this.poisoning = new Poisoning(spec, spec.sourceUri(databaseId), packer, parked, refusals);
  }

  /**
   * Adds what is to be sent of an event.
   *
   * @throws RelayHaltedException if nothing may be sent beyond it
   */
  public void add(RecordedEvent event, OpenParcel parcel) throws InterruptedException {
    if (!isSkipped(event.position()) && !isParked(event) && !isDiscarded(event)) {
      try {
        List<RelayRecord> records = mappedByLane(event);
        requireNotRefused(event.position());
        addRecords(event, records, Placing.inTurn(event.position()), false, parcel);
        parcel.countEvent();
      } catch (Unpublishable e) {
        poisoning.decide(event, e.why(), parcel);
      }
    }
    parcel.passed(event);
  }

  private void requireNotRefused(Position position) throws Unpublishable {
    List<RecordRefusedException> refused = refusals.of(position);
    if (!refused.isEmpty()) {
      throw new Unpublishable(refused.get(0));
    }
  }

  private boolean isParked(RecordedEvent event) {
    ParkedNote stream = parked.get(event.stream());
    // What stands before, it was not parked for: a relay may be rewound.
    return stream != null && !stream.since().isAfter(event.position());
  }

  /** Where a relay is rewound it comes to what was given up once more. */
  private boolean isDiscarded(RecordedEvent event) {
    return discarded.getOrDefault(event.stream(), List.of()).stream()
        .anyMatch(range -> range.contains(event.position()));
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
  public void addLate(RecordedEvent event, Position reached, OpenParcel parcel)
      throws InterruptedException {
    if (isSkipped(event.position())) {
      return;
    }
    try {
      addRecords(event, mapped(event), Placing.late(reached), true, parcel);
      parcel.countEvent();
    } catch (Unpublishable e) {
      throw new RelayHaltedException(
          "the event at position %s of stream %s still cannot be published: %s"
              .formatted(event.position(), event.stream(), Failures.reason(e.why())),
          e.why());
    }
  }

  private List<RelayRecord> mappedByLane(RecordedEvent event) throws Unpublishable {
    try {
      return mapped(event);
    } finally {
      // One that the mapper has left behind says no more than what the mapper did otherwise.
      Thread.interrupted();
    }
  }

  private List<RelayRecord> mapped(RecordedEvent event) throws Unpublishable {
    try {
      // As it is now: a list may also fail when it is read.
      return List.copyOf(Objects.requireNonNull(mapper.map(event), "what the mapper returns"));
    } catch (Throwable e) {
      if (Causes.isOfVirtualMachine(e)) {
        throw new RelayHaltedException(
            "the mapper cannot go on at event %s of stream %s at position %s: %s"
                .formatted(event.id(), event.stream(), event.position(), Failures.reason(e)),
            e);
      }
      throw new Unpublishable(e);
    }
  }

  private void addRecords(
      RecordedEvent event,
      List<RelayRecord> records,
      Placing placing,
      boolean late,
      OpenParcel parcel)
      throws InterruptedException, Unpublishable {
    if (records.isEmpty()) {
      return;
    }
    List<Header> about = new ArrayList<>(4);
    about.add(OwnHeaders.of(OwnHeaders.VERSION, Long.toString(event.version())));
    about.add(OwnHeaders.of(OwnHeaders.REVISION, Integer.toString(event.encoded().revision())));
    if (!spec.mapperTellsEventIds()) {
      about.add(OwnHeaders.of(OwnHeaders.EVENT_ID, event.id().toString()));
    }
    if (late) {
      about.add(OwnHeaders.of(OwnHeaders.EVENT_POSITION, event.position().toString()));
    }
    packer.add(records, event.stream().toString(), about, placing, parcel);
  }

  /**
   * Adds a message.
   *
   * @throws RelayHaltedException if nothing may be sent beyond it
   */
  public void add(RecordedMessage recorded, OpenParcel parcel) throws InterruptedException {
    if (isSkipped(recorded.position())) {
      return;
    }
    OutboxMessage message = recorded.message();
    RelayRecord record =
        RelayRecord.of(message.key().orElse(null), message.value().orElse(null))
            .topic(message.topic());
    if (message.headers().containsKey("ce_specversion")) {
      // Only a CloudEvent has one. It may bring another.
      record = record.header("ce_id", message.id().toString());
    }
    for (Map.Entry<String, byte[]> header : message.headers().entrySet()) {
      record = record.header(header.getKey(), header.getValue());
    }
    try {
      requireNotRefused(recorded.position());
      packer.add(
          List.of(record),
          message.topic(),
          about(message),
          Placing.inTurn(recorded.position()),
          parcel);
      parcel.countMessage();
    } catch (Unpublishable e) {
      poisoning.decide(recorded, record, about(message), e.why(), parcel);
    }
  }

  private static List<Header> about(OutboxMessage message) {
    return List.of(OwnHeaders.of(OwnHeaders.MESSAGE_ID, message.id().toString()));
  }

  /**
   * Adds a record without a value, which deletes a key from a compacted topic.
   *
   * @throws IllegalStateException if it cannot be sent
   */
  public void addTombstone(StreamId stream, Position reached, OpenParcel parcel)
      throws InterruptedException {
    try {
      packer.add(List.of(mapper.tombstone(stream)), "", List.of(), Placing.late(reached), parcel);
    } catch (Unpublishable e) {
      throw new IllegalStateException(
          "the tombstone of stream %s cannot be sent: %s"
              .formatted(stream, Failures.reason(e.why())),
          e.why());
    }
  }

  /** Adds what there is to be noted of topics that were not sent to before. */
  public void noteTopics(OpenParcel parcel) {
    packer.noteTopics(parcel);
  }
}
