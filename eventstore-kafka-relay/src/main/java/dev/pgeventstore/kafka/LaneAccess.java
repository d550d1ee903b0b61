package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.feed.EventFeed;
import dev.pgeventstore.kafka.LanePosition.Anchor;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What whoever works on a lane needs of Kafka and the database, be it the lane itself or an
 * operator. For one thread, but for the writer's {@link LaneWriter#abandon}.
 */
final class LaneAccess implements AutoCloseable {

  /** In the database, since the position is in Kafka: that there must be one. */
  private static final String BEGUN = "begun";

  private final RelaySpec spec;
  private final int lane;
  private final EventFeed feed;
  private final KafkaSettings settings;
  private final Topics topics;
  private final String databaseId;
  private final PositionTopic positions;
  private final LaneWriter writer;
  private final Leadership leadership;
  private final StopSignal stop;

  /**
   * Looks whether the topics are there and fit, and makes a writer.
   *
   * @throws RelayHaltedException if they are not
   */
  LaneAccess(
      RelaySpec spec,
      int lane,
      EventFeed feed,
      KafkaSettings settings,
      Leadership leadership,
      StopSignal stop)
      throws InterruptedException {
    this.spec = spec;
    this.lane = lane;
    this.feed = feed;
    this.settings = settings;
    this.leadership = leadership;
    this.stop = stop;
    this.databaseId = feed.databaseId();
    this.positions =
        new PositionTopic(spec.positionTopicName(databaseId), spec.lanes(), spec.topic());
    this.topics = new Topics(settings, stop);
    try {
      requireTopics();
      this.writer = makeWriter();
    } catch (RuntimeException | InterruptedException e) {
      topics.close();
      throw e;
    }
  }

  private LaneWriter makeWriter() {
    return spec.delivery() == Delivery.EXACTLY_ONCE
        ? new TransactionalWriter(
            settings, spec.transactionalId(databaseId, lane), positions, topics, lane)
        : new PipelinedWriter(settings, leadership.lease().orElseThrow(), leadership::isCertain);
  }

  private void requireTopics() throws InterruptedException {
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

  LaneNotes readNotes() throws InterruptedException {
    return writer.read();
  }

  private TargetTopics targets(LaneNotes notes) {
    return new TargetTopics(topics, settings.maxRequestSize(), notes.topics());
  }

  /** Publishes from a position on, and looks after the topics meanwhile. */
  void publish(
      LaneNotes notes, LanePosition position, Leadership leadership, Progress progress, Work work)
      throws InterruptedException {
    TargetTopics targets = targets(notes);
    String name = "eventstore-relay-%s-%d".formatted(spec.name(), lane);
    History history =
        new History(feed, databaseId, tail(notes), spec.delivery() == Delivery.AT_LEAST_ONCE);
    try (Watch watch =
            new Watch(
                settings.scheduler(), name + "-watch", targets, feed, progress, writer::abandon);
        Preparer preparer =
            new Preparer(
                settings.scheduler(),
                name + "-pages",
                spec,
                lane,
                feed,
                maker(notes, targets),
                history,
                position)) {
      try {
        work.on(
            new Publishing(
                settings.scheduler(),
                writer,
                preparer,
                watch,
                leadership,
                progress,
                stop,
                position.in(databaseId)));
      } catch (RelayHaltedException e) {
        throw e;
      } catch (RuntimeException e) {
        RelayHaltedException finding = watch.finding();
        if (finding != null) {
          finding.addSuppressed(e);
          throw finding;
        }
        throw e;
      }
    }
  }

  private RecordMaker maker(LaneNotes notes, TargetTopics targets) {
    return new RecordMaker(spec, lane, spec.mapper(databaseId), notes, targets);
  }

  RecordMaker maker(LaneNotes notes) {
    return maker(notes, targets(notes));
  }

  /** Of all topics there are: notes of what was sent may have gone back with the database. */
  private PublishedTail tail(LaneNotes notes) {
    Set<String> names = new HashSet<>(notes.topics().keySet());
    if (!spec.topic().isEmpty()) {
      names.add(spec.topic());
    }
    return new PublishedTail(settings, spec.series(notes.series()), lane, names);
  }

  /**
   * Where the lane stands; where it starts, if it never ran.
   *
   * @throws RelayHaltedException if that cannot be told
   */
  LanePosition position(LaneNotes notes) throws InterruptedException {
    Optional<LanePosition> found = notes.position();
    if (found.isEmpty()) {
      // Another store may have a relay of this name: consumers would take it for this one.
      tail(notes).requireNothingUnknown(feed, Position.START);
      return start();
    }
    requireSameLanes(found.get());
    return found.get();
  }

  private void requireSameLanes(LanePosition position) {
    if (position.lanes() != spec.lanes()) {
      throw new RelayHaltedException(
          "the relay ran with %d lanes, and has %d now: streams would change their lanes"
              .formatted(position.lanes(), spec.lanes()));
    }
  }

  private LanePosition start() throws InterruptedException {
    for (int other = 0; other < spec.lanes(); other++) {
      // One that is new among others that are not would publish their streams once more.
      notesOf(other).position().ifPresent(this::requireSameLanes);
    }
    if (spec.startAfter().isEmpty() && hasPublished()) {
      throw spec.delivery() == Delivery.EXACTLY_ONCE
          ? positions.lost("has no position")
          : noPosition();
    }
    Position position = spec.startAfter().orElse(Position.START);
    LanePosition start = at(position);
    Map<String, @Nullable String> notes = new HashMap<>();
    notes.put(LaneNotes.POSITION, start.format());
    notes.put(LaneNotes.START, position.toString());
    // By itself: from now on there is a position, whatever the first events come to.
    writer.commit(notes, () -> {});
    writer.finish();
    if (spec.delivery() == Delivery.EXACTLY_ONCE) {
      leadership.lease().ifPresent(lease -> lease.note(Map.of(BEGUN, start.position().toString())));
    }
    return start;
  }

  /** Whether this lane has published before, by what the database says or the relay's topic. */
  private boolean hasPublished() throws InterruptedException {
    if (leadership.lease().map(lease -> lease.notes().containsKey(BEGUN)).orElse(false)) {
      return true;
    }
    return !spec.topic().isEmpty()
        && topics.wasWrittenTo(
            spec.topic(), topics.await(spec.topic()).map(TopicLayout::partitions).orElse(0));
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
    Optional<Anchor> anchor = feed.lastUpTo(position).map(Anchor::of);
    return new LanePosition(position, anchor, databaseId, spec.lanes());
  }

  /** What is done with what publishes. */
  interface Work {
    void on(Publishing publishing) throws InterruptedException;
  }

  @Override
  public void close() {
    writer.close();
    topics.close();
  }
}
