package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.Declaration;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.history.OwnRecord;
import dev.pgeventstore.kafka.internal.history.TailFindings;
import dev.pgeventstore.kafka.internal.history.TailFindings.Comparison;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.NoteChanges;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.topics.PositionTopic;
import dev.pgeventstore.kafka.internal.topics.Topics;
import dev.pgeventstore.kafka.internal.writer.LaneWriter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a lane goes on, or begins, if that is certain: one without a position is new, or has lost
 * it. For one thread.
 */
public final class LaneBeginning {

  private final LaneContext lane;
  private final RelaySpec spec;
  private final PositionTopic positions;
  private final Topics topics;
  private final Start start;

  LaneBeginning(LaneContext lane, Topics topics, Start start) {
    this.lane = lane;
    this.spec = lane.spec();
    this.positions = lane.positions();
    this.topics = topics;
    this.start = start;
  }

  /** How a lane without a position is taken. */
  public enum Start {
    /** As one that is new or has lost it. */
    CAREFUL,
    /** Its position may be lost, and is about to be noted anew. */
    LOST,
    /** So is all that it is declared with. */
    REDECLARED
  }

  /**
   * Looks whether the relay is declared as it was, and its topics are there and fit.
   *
   * @throws RelayHaltedException if they are not
   */
  void require() throws InterruptedException {
    if (start != Start.REDECLARED) {
      lane.leaseNotes().declared().ifPresent(this::requireSame);
    }
    if (spec.topic().equals(positions.name())) {
      throw new RelayHaltedException(
          "topic %s is for the relay's notes only, not for events".formatted(spec.topic()));
    }
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
    if (lane.isExactlyOnce()) {
      positions.require(
          topics,
          partitions,
          written -> requireNew("position topic " + positions.name() + " is missing", written));
    }
  }

  private void requireSame(Declaration declared) {
    declared.requireSame(spec.name(), spec.declaration());
  }

  /**
   * By the database, or by records of its own, a lane has begun before: then {@code startAfter},
   * which may still be in the code, is of no use.
   *
   * @param what is missing
   * @param written whether the relay's topic has any records
   * @throws RelayHaltedException unless it is new, and knows where to start
   */
  private void requireNew(String what, boolean written) {
    if (start != Start.CAREFUL) {
      return;
    }
    boolean begun = hasBegun();
    List<OwnRecord> own = published();
    if (begun || !own.isEmpty()) {
      throw new RelayHaltedException(
          "%s, but relay %s has published: starting at the first event would repeat what is there, and startAfter is for a relay that has never begun. If the position was lost, bring it back, or let RelayOperations.recover(…) find it in the topics. Where that is refused, go on behind what is published with RelayOperations.newSeries(%sPosition.of(%s), …): what waits of parked streams is lost then.%s"
              .formatted(
                  what,
                  spec.name(),
                  TailFindings.ofLane(lane.number(), spec.lanes()),
                  lastPosition(own),
                  begun
                      ? ""
                      : " If another store has published it by a relay of this name, give this relay another one: names must differ within a topic."));
    }
    if (written && spec.startAfter().isEmpty()) {
      throw new RelayHaltedException(
          "%s, and topic %s was written to, though not by this relay as far as can be seen: starting at the first event might repeat what is there. If the records are another producer's, start with startAfter(Position.START), or with startAfter the last event that they have"
              .formatted(what, spec.topic()));
    }
  }

  private static String lastPosition(List<OwnRecord> own) {
    return own.stream()
        .map(record -> record.place().position())
        .max(Position::compareTo)
        .map(Position::toString)
        .orElse("the es_position of its last record");
  }

  /** By what the database says: with the lease, where the position is in Kafka. */
  private boolean hasBegun() {
    Map<String, String> notes = lane.leaseNotes().all();
    // Whatever was sent has a token, also if what notes that it has begun got lost.
    return notes.containsKey(LaneNotes.BEGUN)
        || notes.containsKey(TokenLedger.NOTE)
        || notes.containsKey(LaneNotes.POSITION);
  }

  /** The last records of the lane that are committed, of any series. */
  private List<OwnRecord> published() {
    return lane.tailIn(lane.declaredTopics()).published();
  }

  /**
   * Where the lane stands; where it starts, if it never ran.
   *
   * @throws RelayHaltedException if that cannot be told
   */
  public LanePosition position(LaneNotes notes, LaneWriter writer) throws InterruptedException {
    Optional<LanePosition> found = notes.position();
    if (found.isEmpty()) {
      return start(writer);
    }
    requireSameLanes(found.get());
    notes.declared().ifPresent(this::requireSame);
    if (notes.declared().isEmpty() || lane.leaseNotes().declared().isEmpty()) {
      Map<String, @Nullable String> declared = new HashMap<>();
      declared.put(Declaration.NOTE, spec.declaration().format());
      writer.commit(declared, () -> {});
      writer.finish();
      noteInDatabase(Map.of());
    }
    return found.get();
  }

  private void requireSameLanes(LanePosition position) {
    if (position.lanes() != spec.lanes()) {
      throw new RelayHaltedException(
          "the relay ran with %d lanes, and has %d now: streams would change their lanes"
              .formatted(position.lanes(), spec.lanes()));
    }
  }

  private LanePosition start(LaneWriter writer) throws InterruptedException {
    for (int other = 0; other < spec.lanes(); other++) {
      // One that is new among others that are not would publish their streams once more.
      notesOf(other).position().ifPresent(this::requireSameLanes);
    }
    requireNew(
        lane.isExactlyOnce()
            ? "position topic %s has no position of lane %d"
                .formatted(positions.name(), lane.number())
            : "the database has no position of lane %d of the relay".formatted(lane.number()),
        isTargetWritten());
    return begin(new HashMap<>(), writer);
  }

  private boolean isTargetWritten() throws InterruptedException {
    return !spec.topic().isEmpty()
        && topics.wasWrittenTo(
            spec.topic(), topics.await(spec.topic()).map(TopicLayout::partitions).orElse(0));
  }

  /**
   * Begins where the relay is declared to.
   *
   * @param changes what is noted besides
   */
  public LanePosition begin(Map<String, @Nullable String> changes, LaneWriter writer)
      throws InterruptedException {
    LanePosition first = declaredStart();
    changes.put(LaneNotes.POSITION, first.format());
    changes.put(LaneNotes.START, first.position().toString());
    changes.put(Declaration.NOTE, spec.declaration().format());
    // By itself: from now on there is a position, whatever the first events come to.
    writer.commit(changes, () -> {});
    writer.finish();
    noteBegun(first.position(), Map.of());
    return first;
  }

  private LanePosition declaredStart() {
    return lane.at(spec.startAfter().orElse(Position.START));
  }

  /**
   * Where the position is in Kafka, the database knows that there must be one, and what of the
   * series no topic can tell: where it began, and what waited then.
   */
  public void noteBegun(Position position, Map<StreamId, Position> waiting) {
    Map<String, @Nullable String> changes = new NoteChanges(lane.leaseNotes()).waitedAnew(waiting);
    changes.put(LaneNotes.BEGUN, position.toString());
    noteInDatabase(changes);
  }

  /** At least once the lane's notes are there anyway. */
  private void noteInDatabase(Map<String, @Nullable String> notes) {
    if (lane.isExactlyOnce()) {
      Map<String, @Nullable String> all = new HashMap<>(notes);
      all.put(Declaration.NOTE, spec.declaration().format());
      lane.leadership().lease().ifPresent(lease -> lease.note(all));
    }
  }

  /**
   * The first lane that has no position yet. None may send before all have one: a lane that finds a
   * topic that was written to, and no position, must take it for lost.
   *
   * @return empty if all have
   */
  Optional<Integer> laneWithoutPosition() throws InterruptedException {
    for (int other = 0; other < spec.lanes(); other++) {
      if (other != lane.number() && notesOf(other).position().isEmpty()) {
        return Optional.of(other);
      }
    }
    return Optional.empty();
  }

  private LaneNotes notesOf(int other) throws InterruptedException {
    return lane.isExactlyOnce()
        ? positions.read(topics, lane.settings(), other)
        : new LaneNotes(lane.feed().notes(spec.leaseName(), other));
  }

  /**
   * Where the lane stands by its notes, if it has sent nothing beyond; where it starts, if it never
   * ran.
   *
   * @throws IllegalStateException if it has, or its position was lost
   * @throws RelayHaltedException if it has another number of lanes
   */
  public LanePosition standing(LaneNotes notes) {
    LanePosition position = notes.position().orElseGet(this::notBegun);
    requireSameLanes(position);
    // What it is to send again would stand in the new series, where readers cannot know it.
    boolean isRewound =
        notes.lastSent().values().stream()
            .anyMatch(place -> place.position().isAfter(position.position()));
    if (isRewound) {
      throw new IllegalStateException(
          "the relay was rewound to %s, and has not come to where it was: start it as it was declared before, and stop it when it has caught up"
              .formatted(position.position()));
    }
    List<OwnRecord> beyond =
        new Comparison(lane.feed(), notes, true, Optional.empty(), Optional.empty())
            .of(lane.tail(notes).published())
            .beyond();
    if (!beyond.isEmpty()) {
      throw new IllegalStateException(
          "the relay has sent more than it has noted, up to %s: start it as it was declared before, and stop it when it has caught up"
              .formatted(beyond.get(beyond.size() - 1)));
    }
    return position;
  }

  /** A relay may be stopped before all of its lanes have begun. Then none has sent anything. */
  private LanePosition notBegun() {
    if (hasBegun() || !published().isEmpty()) {
      throw new IllegalStateException(
          "lane %d of relay %s has published, but has no position any more: declare the relay as it was, and let RelayOperations.recover(…) find it in the topics"
              .formatted(lane.number(), spec.name()));
    }
    return declaredStart();
  }
}
