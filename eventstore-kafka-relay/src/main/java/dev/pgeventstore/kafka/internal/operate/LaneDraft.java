package dev.pgeventstore.kafka.internal.operate;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.history.Published;
import dev.pgeventstore.kafka.internal.history.PublishedSeries;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.NoteChanges;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.relay.LaneContext;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import dev.pgeventstore.kafka.internal.verify.MissingRecords;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.TopicPartition;

/** The notes of a lane as its topics show them, and what is left of older ones. For one thread. */
final class LaneDraft {

  private static final String LEFT_OUT =
      "found by a recovery: it was not published, and later events of its stream were";

  private final LaneContext lane;
  private final RelaySpec spec;
  private final LaneNotes older;
  private final int number;
  private final Position start;
  private final Set<Position> leftOut = new TreeSet<>();
  private PublishedSeries series;

  /**
   * @param older what is left of the lane's notes
   * @param published all that the topics have of it
   */
  LaneDraft(LaneContext lane, LaneNotes older, Published published) {
    this.lane = lane;
    this.spec = lane.spec();
    this.older = older;
    this.number = seriesNumber(published);
    this.series = published.of(number);
    this.start = start(published);
  }

  /** Which series it goes on with. */
  int number() {
    return number;
  }

  /** What is published of that. */
  PublishedSeries series() {
    return series;
  }

  /** Events that were never published although later ones of their streams were. */
  List<Position> leftOut() {
    return List.copyOf(leftOut);
  }

  /** Less of it counts as published. */
  void goesUpTo(Published less) {
    series = less.of(number);
  }

  /** One that was begun, and of which nothing was sent, counts too. */
  private int seriesNumber(Published published) {
    int last = Math.max(1, published.lastNumber());
    boolean begunSince = begun().filter(at -> !published.of(last).canBeginAfter(at)).isPresent();
    return Math.max(begunSince ? last + 1 : last, older.series());
  }

  /** At least once the database has all notes: that it must have one is none of them. */
  private Optional<Position> begun() {
    return lane.isExactlyOnce() ? lane.leaseNotes().legible().begun() : Optional.empty();
  }

  /** After which position the series began: before its first record, by what knows it best. */
  private Position start(Published published) {
    Optional<Position> noted = older.series() == number ? older.notedStart() : Optional.empty();
    return noted
        .filter(series::canBeginAfter)
        .or(() -> begun().filter(series::canBeginAfter))
        .or(
            () ->
                (number == 1 ? spec.startAfter() : published.endBefore(number))
                    .filter(series::canBeginAfter))
        .orElseGet(() -> number == 1 || series.isEmpty() ? Position.START : series.latestStart());
  }

  /** What is known before the missing events are: with it the topics are compared. */
  LaneNotes notes(Map<String, TopicLayout> topics) {
    Map<String, String> notes = new TreeMap<>(older.decided());
    if (older.series() != number) {
      // Positions behind the start may be other events' now.
      new NoteChanges(older)
          .anew(start)
          .forEach((name, text) -> notes.computeIfPresent(name, (same, before) -> text));
    }
    if (series.isBegunAnew() && !older.wasRewound()) {
      notes.put(LaneNotes.auditNow(), LaneNotes.REWIND + "an earlier position, as the topics show");
    }
    notes.put(LaneNotes.SERIES, Integer.toString(number));
    notes.put(LaneNotes.START, start.toString());
    Position end = later(series.isEmpty() ? start : series.end().position(), reached());
    notes.put(LaneNotes.POSITION, lane.at(end).format());
    topics.forEach(
        (topic, layout) ->
            notes.put(
                LaneNotes.topic(topic),
                series
                    .layout(topic, layout, Optional.ofNullable(older.topics().get(topic)))
                    .format()));
    return new LaneNotes(notes);
  }

  /** Events from before the series that waited when it began: they have no turn in it. */
  void addWhatWaited(Evidence evidence, MissingRecords missing) throws InterruptedException {
    Map<StreamId, Position> waited = new HashMap<>();
    if (older.series() == number) {
      waited.putAll(older.waitingSince(start));
    }
    LaneNotes database = lane.leaseNotes().legible();
    if (begun().filter(start::equals).isPresent()) {
      waited.putAll(database.waited());
    }
    Optional<Position> first = waited.values().stream().min(Position::compareTo);
    if (first.isPresent()) {
      evidence.forEach(
          Position.of(first.get().value() - 1),
          start,
          event -> {
            Position since = waited.get(event.stream());
            if (since != null && !since.isAfter(event.position())) {
              missing.addUnmapped(event);
            }
          });
    }
  }

  /**
   * Where the lane stands. Exactly once that is where it has committed last. At least once nothing
   * is committed in one piece: it stands before whatever may just not have been sent yet.
   */
  Position standing(LaneNotes draft, MissingRecords missing) {
    Position end = draft.position().orElseThrow().position();
    if (lane.isExactlyOnce()) {
      return end;
    }
    Position decided = later(draft.start(), later(series.decidedUpTo(), reached()));
    List<Position> unsure = new ArrayList<>();
    missing.atTheEnds(series.lastPlaces()).forEach(one -> unsure.add(one.position()));
    missing
        .events()
        .forEach(
            (position, stream) -> {
              if (mayBeADeadLetter(draft, position, stream)) {
                unsure.add(position);
              }
            });
    lane.feed()
        .messages(spec.name(), lane.number(), spec.lanes(), decided, end, 1)
        .forEach(message -> unsure.add(message.position()));
    return unsure.stream()
        .filter(position -> position.isAfter(decided))
        .min(Position::compareTo)
        .map(position -> Position.of(position.value() - 1))
        .orElse(end);
  }

  /** Where older notes have it in the same series: it stands nowhere before. */
  private Position reached() {
    return older.series() == number ? older.reached() : Position.START;
  }

  private static Position later(Position one, Position other) {
    return one.isAfter(other) ? one : other;
  }

  /** Its dead letter, if it was to have one, may not have been sent. */
  private boolean mayBeADeadLetter(LaneNotes draft, Position position, StreamId stream) {
    return spec.deadLetters()
        .flatMap(
            topic ->
                Optional.ofNullable(draft.topics().get(topic))
                    .map(
                        layout ->
                            new TopicPartition(
                                topic,
                                new Partitioner(layout.partitions())
                                    .partition(stream.toString().getBytes(UTF_8)))))
        .map(partition -> series.lastPlaces().getOrDefault(partition, RecordPlace.NONE))
        .filter(last -> position.isAfter(last.position()))
        .isPresent();
  }

  /** All that the lane is to know, with what waits and what was left out. */
  LaneNotes complete(LaneNotes draft, Position position, MissingRecords missing) {
    Map<String, String> notes = new TreeMap<>(draft.all());
    notes.put(LaneNotes.POSITION, lane.at(position).format());
    draft.topics().keySet().stream()
        .filter(topic -> !series.has(topic))
        .forEach(topic -> notes.remove(LaneNotes.topic(topic)));
    series
        .lastPlaces()
        .forEach((partition, place) -> notes.put(LaneNotes.sent(partition), place.toString()));
    Map<StreamId, ParkedNote> parked = new TreeMap<>(Comparator.comparing(StreamId::toString));
    missing
        .events()
        .headMap(Position.of(position.value() + 1))
        .forEach(
            (at, stream) -> {
              if (missing.wasPassedBy(stream, at)) {
                leftOut.add(at);
                notes.put(LaneNotes.skip(at), LEFT_OUT);
              } else {
                parked.computeIfAbsent(stream, one -> parked(one, at));
              }
            });
    parked.forEach((stream, one) -> notes.put(LaneNotes.parked(stream), one.format()));
    return new LaneNotes(notes);
  }

  private ParkedNote parked(StreamId stream, Position since) {
    ParkedNote before = older.parked().get(stream);
    return before == null
        ? new ParkedNote(
            stream,
            since,
            Instant.now(),
            "found by a recovery: neither this event nor a later one of the stream was published")
        : new ParkedNote(stream, since, before.at(), before.reason());
  }
}
