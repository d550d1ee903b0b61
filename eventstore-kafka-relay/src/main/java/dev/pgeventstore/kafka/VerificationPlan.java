package dev.pgeventstore.kafka;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.subscription.Partitions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

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
record VerificationPlan(
    EventFeed feed,
    KafkaSettings settings,
    EventQuery query,
    RecordMapper mapper,
    String topic,
    Optional<String> deadLetters,
    boolean repeatsAllowed,
    List<Lane> lanes) {

  /**
   * What a lane has published.
   *
   * @param number 0 for the first
   * @param series the name of the order that is verified, as in {@code es_relay}
   * @param start where that began, exclusive
   * @param position where the lane has come to, inclusive
   * @param partitions over how many the lane spreads keys, by topic: all topics it has sent to
   * @param parked streams that wait, and since which of their events
   * @param skipped positions that were passed over
   * @param rewound whether an operator ever had it send again what it had sent
   */
  record Lane(
      int number,
      String series,
      Position start,
      Position position,
      Map<String, Integer> partitions,
      Map<StreamId, Position> parked,
      Set<Position> skipped,
      boolean rewound) {

    boolean has(RecordedEvent event, int lanes) {
      return Partitions.of(event.stream(), lanes) == number;
    }

    boolean leavesOut(RecordedEvent event) {
      Position since = parked.get(event.stream());
      return skipped.contains(event.position())
          || (since != null && !since.isAfter(event.position()));
    }
  }
}
