package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import dev.pgeventstore.kafka.PublishedTail.Differences;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What whoever works on a lane needs of Kafka and the database, be it the lane itself or an
 * operator. For one thread, but for the writer's {@link LaneWriter#abandon}.
 */
final class LaneAccess implements AutoCloseable {

  private final RelaySpec spec;
  private final int lane;
  private final EventFeed feed;
  private final KafkaSettings settings;
  private final Topics topics;
  private final String databaseId;
  private final PositionTopic positions;
  private final LaneWriter writer;

  private LaneAccess(
      RelaySpec spec,
      int lane,
      EventFeed feed,
      KafkaSettings settings,
      Topics topics,
      String databaseId,
      PositionTopic positions,
      LaneWriter writer) {
    this.spec = spec;
    this.lane = lane;
    this.feed = feed;
    this.settings = settings;
    this.topics = topics;
    this.databaseId = databaseId;
    this.positions = positions;
    this.writer = writer;
  }

  /**
   * Looks whether the topics are there and fit, and makes a writer.
   *
   * @throws RelayHaltedException if they are not
   */
  static LaneAccess open(
      RelaySpec spec,
      int lane,
      EventFeed feed,
      KafkaSettings settings,
      Leadership leadership,
      StopSignal stop)
      throws InterruptedException {
    String databaseId = feed.databaseId();
    PositionTopic positions =
        new PositionTopic(spec.positionTopicName(databaseId), spec.lanes(), spec.topic());
    Topics topics = new Topics(settings, stop);
    try {
      requireTopics(spec, topics, positions);
      LaneWriter writer =
          spec.delivery() == Delivery.EXACTLY_ONCE
              ? new TransactionalWriter(
                  settings, spec.transactionalId(databaseId, lane), positions, topics, lane)
              : new PipelinedWriter(settings, leadership.lease(), leadership::isCertain);
      return new LaneAccess(spec, lane, feed, settings, topics, databaseId, positions, writer);
    } catch (RuntimeException | InterruptedException e) {
      topics.close();
      throw e;
    }
  }

  private static void requireTopics(RelaySpec spec, Topics topics, PositionTopic positions)
      throws InterruptedException {
    int partitions = 0;
    if (!spec.topic().isEmpty()) {
      partitions =
          topics
              .await(spec.topic())
              .orElseThrow(
                  () ->
                      new RelayHaltedException(
                          "topic %s does not exist: create it, with as many partitions as it will ever need"
                              .formatted(spec.topic())))
              .partitions();
    }
    if (spec.delivery() == Delivery.EXACTLY_ONCE) {
      positions.require(topics, partitions, spec.startAfter().isPresent());
    }
  }

  LaneWriter writer() {
    return writer;
  }

  String databaseId() {
    return databaseId;
  }

  LaneNotes readNotes() throws InterruptedException {
    return writer.read();
  }

  TargetTopics topics(LaneNotes notes) {
    return new TargetTopics(topics, settings.maxRequestSize(), notes.topics());
  }

  RecordMaker maker(LaneNotes notes, TargetTopics targets) {
    return new RecordMaker(spec, lane, spec.mapper(databaseId), notes, targets);
  }

  RecordMaker maker(LaneNotes notes) {
    return maker(notes, topics(notes));
  }

  History history(LaneNotes notes) throws InterruptedException {
    return new History(feed, databaseId, tail(notes));
  }

  /** Of all partitions there are: notes of what was sent may have gone back with the database. */
  private PublishedTail tail(LaneNotes notes) throws InterruptedException {
    Set<String> names = new HashSet<>(notes.topics().keySet());
    if (!spec.topic().isEmpty()) {
      names.add(spec.topic());
    }
    Set<TopicPartition> partitions = new HashSet<>();
    for (String name : names) {
      int count = topics.find(name).map(TopicLayout::partitions).orElse(0);
      for (int partition = 0; partition < count; partition++) {
        partitions.add(new TopicPartition(name, partition));
      }
    }
    return new PublishedTail(settings, spec.series(notes.series()), lane, partitions);
  }

  /**
   * Where the lane stands; where it starts, if it never ran.
   *
   * @throws RelayHaltedException if that cannot be told
   */
  LanePosition position(LaneNotes notes) throws InterruptedException {
    Optional<LanePosition> found = notes.position();
    if (found.isEmpty()) {
      requireSameHistory(notes, Position.START);
      return start();
    }
    if (found.get().lanes() != spec.lanes()) {
      throw new RelayHaltedException(
          "the relay ran with %d lanes, and has %d now: streams would change their lanes"
              .formatted(found.get().lanes(), spec.lanes()));
    }
    if (spec.delivery() == Delivery.AT_LEAST_ONCE) {
      requireSameHistory(notes, found.get().position());
    }
    return found.get();
  }

  /**
   * A position that is kept in the database goes back with it, if an older state of it is restored.
   * Only Kafka can tell then. It also tells whether another store has a relay of this name, which
   * consumers would take for this one.
   */
  private void requireSameHistory(LaneNotes notes, Position position) throws InterruptedException {
    Differences differences = tail(notes).differences(feed);
    if (!differences.missing().isEmpty()) {
      throw new RelayHaltedException(
          "the store's history is not the one that was published: the relay stands at position %s, but %s"
              .formatted(position, PublishedTail.describe(differences)));
    }
  }

  private LanePosition start() throws InterruptedException {
    if (spec.startAfter().isEmpty() && !spec.topic().isEmpty()) {
      int partitions = topics.await(spec.topic()).map(TopicLayout::partitions).orElse(0);
      if (topics.wasWrittenTo(spec.topic(), partitions)) {
        throw spec.delivery() == Delivery.EXACTLY_ONCE
            ? positions.lost("has no position")
            : noPosition();
      }
    }
    Position position = spec.startAfter().orElse(Position.START);
    LanePosition start = at(position);
    Map<String, @Nullable String> notes = new HashMap<>();
    notes.put(LaneNotes.POSITION, start.format());
    notes.put(LaneNotes.START, position.toString());
    // By itself: from now on there is a position, whatever the first events come to.
    writer.commit(notes, () -> {});
    writer.finish();
    return start;
  }

  /**
   * The first lane that has no position yet. None may send before all have one: whoever finds a
   * topic that was written to, and no position, must take it for lost.
   *
   * @return empty if all have
   */
  Optional<Integer> laneWithoutPosition() throws InterruptedException {
    for (int other = 0; other < spec.lanes(); other++) {
      if (other != lane && notesOf(other).position().isEmpty()) {
        return Optional.of(other);
      }
    }
    return Optional.empty();
  }

  private LaneNotes notesOf(int other) throws InterruptedException {
    return spec.delivery() == Delivery.EXACTLY_ONCE
        ? positions.read(topics, settings, other)
        : new LaneNotes(feed.notes(spec.leaseName(), other));
  }

  private RelayHaltedException noPosition() {
    return new RelayHaltedException(
        "the database has no position of relay %s, but topic %s was written to: starting at the first event would repeat what is there. Find the last event of this store in the topic and start after its es_position with startAfter(…). If the records are somebody else's, start with startAfter(Position.START)."
            .formatted(spec.name(), spec.topic()));
  }

  /**
   * A position of this store.
   *
   * @throws IllegalStateException if it is not settled
   */
  LanePosition at(Position position) {
    if (position.isAfter(feed.highWaterMark())) {
      throw new IllegalStateException(
          "position %s lies beyond the high-water mark: events may still appear below it"
              .formatted(position));
    }
    Optional<Anchor> anchor = feed.eventAt(position).map(Anchor::of);
    return new LanePosition(position, anchor, databaseId, spec.lanes());
  }

  @Override
  public void close() {
    writer.close();
    topics.close();
  }
}
