package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.history.PublishedTail;
import dev.pgeventstore.kafka.internal.lead.Leadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.topics.PositionTopic;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.subscription.Partitions;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * A lane as it is declared, with its store, its cluster and its lead.
 *
 * @param number 0 for the first
 * @param databaseId of the store
 */
public record LaneContext(
    RelaySpec spec,
    int number,
    EventFeed feed,
    KafkaSettings settings,
    Leadership leadership,
    String databaseId) {

  public LaneContext(
      RelaySpec spec, int number, EventFeed feed, KafkaSettings settings, Leadership leadership) {
    this(spec, number, feed, settings, leadership, feed.databaseId());
  }

  /** The same lane of a relay that is declared otherwise. */
  public LaneContext with(RelaySpec other) {
    return new LaneContext(other, number, feed, settings, leadership, databaseId);
  }

  /** Whether a stream's events are of this lane. */
  boolean has(StreamId stream) {
    return spec.lanes() == 1 || Partitions.of(stream, spec.lanes()) == number;
  }

  public boolean isExactlyOnce() {
    return spec.delivery() == Delivery.EXACTLY_ONCE;
  }

  PositionTopic positions() {
    return new PositionTopic(spec.positionTopicName(databaseId), spec.lanes(), spec.topic());
  }

  /** Of the database, wherever the lane keeps its own. */
  public LaneNotes leaseNotes() {
    return new LaneNotes(leadership.lease().map(Lease::notes).orElse(Map.of()));
  }

  Set<String> declaredTopics() {
    Set<String> names = new HashSet<>();
    spec.deadLetters().ifPresent(names::add);
    if (!spec.topic().isEmpty()) {
      names.add(spec.topic());
    }
    return names;
  }

  /** Of all topics that are noted or declared: notes of what was sent may have gone back. */
  public PublishedTail tail(LaneNotes notes) {
    Set<String> names = new HashSet<>(notes.topics().keySet());
    names.addAll(declaredTopics());
    return tailIn(names);
  }

  /** In topics that exist. */
  public PublishedTail tailIn(Set<String> names) {
    return new PublishedTail(settings, spec.name(), number, names);
  }

  /**
   * A position of this store.
   *
   * @throws IllegalStateException if it is not settled
   */
  public LanePosition at(Position position) {
    if (position.isAfter(feed.highWaterMark())) {
      throw new IllegalStateException(
          "position %s lies beyond the high-water mark: events may still appear below it"
              .formatted(position));
    }
    return new LanePosition(
        position, feed.lastUpTo(position).map(Anchor::of), databaseId, spec.lanes());
  }

  @Override
  public String toString() {
    return "lane %d of relay %s".formatted(number, spec.name());
  }
}
