package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.PositionRange;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.subscription.Partitions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;

/**
 * What is to be compared with what.
 *
 * @param feed of the store
 * @param settings of the clients
 * @param query which events are published
 * @param mapper what they become
 * @param topic where records go that name no other
 * @param deadLetters where dead letters go
 * @param repeatsAllowed whether records may be there twice: after a crash of a relay that promises
 *     at least once
 * @param lanes all of them
 */
public record VerificationPlan(
    EventFeed feed,
    KafkaSettings settings,
    EventQuery query,
    RecordMapper mapper,
    String topic,
    Optional<String> deadLetters,
    boolean repeatsAllowed,
    List<Lane> lanes) {

  /** What is to be compared of a relay that has noted this for each lane. */
  public static VerificationPlan of(
      RelaySpec spec, EventFeed feed, KafkaSettings settings, List<LaneNotes> notes) {
    List<Lane> lanes = new ArrayList<>();
    for (LaneNotes ofLane : notes) {
      lanes.add(Lane.of(spec, lanes.size(), ofLane));
    }
    return new VerificationPlan(
        feed,
        settings,
        spec.query(),
        spec.mapper(feed.databaseId()),
        spec.topic(),
        spec.deadLetters(),
        spec.delivery() == Delivery.AT_LEAST_ONCE,
        List.copyOf(lanes));
  }

  /** The records of an event; none if the mapper fails, by whatever it throws. */
  public Optional<List<ExpectedRecord>> expected(RecordedEvent event) {
    try {
      return Optional.of(ExpectedRecord.of(event, mapper, topic));
    } catch (Throwable e) {
      if (Causes.isOfVirtualMachine(e)) {
        throw e;
      }
      return Optional.empty();
    }
  }

  /**
   * What a lane has published.
   *
   * @param number 0 for the first
   * @param series the name of the order that is verified, as in {@code es_relay}
   * @param start where that began, exclusive
   * @param position where the lane has come to, inclusive
   * @param partitions over how many the lane spreads keys, by topic: all topics it has sent to
   * @param leftOut streams that wait or were given up, and which of their events
   * @param skipped positions that were passed over
   * @param rewound whether an operator ever had it send again what it had sent
   * @param sent what it has sent last to each partition
   */
  public record Lane(
      int number,
      String series,
      Position start,
      Position position,
      Map<String, Integer> partitions,
      Map<StreamId, List<PositionRange>> leftOut,
      Set<Position> skipped,
      boolean rewound,
      Map<TopicPartition, RecordPlace> sent) {

    public static Lane of(RelaySpec spec, int number, LaneNotes notes) {
      Map<String, Integer> partitions = new HashMap<>();
      notes.topics().forEach((topic, layout) -> partitions.put(topic, layout.partitions()));
      Map<StreamId, List<PositionRange>> leftOut = new HashMap<>();
      notes.discarded().forEach((stream, ranges) -> leftOut.put(stream, new ArrayList<>(ranges)));
      notes
          .parked()
          .forEach(
              (stream, parked) ->
                  leftOut
                      .computeIfAbsent(stream, none -> new ArrayList<>())
                      .add(new PositionRange(parked.since(), Position.of(Long.MAX_VALUE))));
      return new Lane(
          number,
          spec.series(notes.series()),
          notes.start(),
          notes.position().map(LanePosition::position).orElse(Position.START),
          partitions,
          leftOut,
          notes.skipped().keySet(),
          notes.wasRewound(),
          notes.sent());
    }

    /** Where a record should be; with a negative number if the topic is none of the lane's. */
    public TopicPartition partition(ExpectedRecord record) {
      Integer spread = partitions.get(record.topic());
      return new TopicPartition(record.topic(), spread == null ? -1 : record.partition(spread));
    }

    public boolean has(RecordedEvent event, int lanes) {
      return Partitions.of(event.stream(), lanes) == number;
    }

    boolean leavesOut(RecordedEvent event) {
      return skipped.contains(event.position())
          || leftOut.getOrDefault(event.stream(), List.of()).stream()
              .anyMatch(range -> range.contains(event.position()));
    }
  }
}
