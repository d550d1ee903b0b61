package dev.pgeventstore.kafka.internal.operate;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.Difference;
import dev.pgeventstore.kafka.ParkedStream;
import dev.pgeventstore.kafka.RecoveryReport.RecoveredLane;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.history.History;
import dev.pgeventstore.kafka.internal.history.OwnRecord;
import dev.pgeventstore.kafka.internal.history.Published;
import dev.pgeventstore.kafka.internal.history.PublishedSeries;
import dev.pgeventstore.kafka.internal.history.TailFindings;
import dev.pgeventstore.kafka.internal.history.TailFindings.Comparison;
import dev.pgeventstore.kafka.internal.lead.SeizedLead;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import dev.pgeventstore.kafka.internal.verify.Findings;
import dev.pgeventstore.kafka.internal.verify.MissingRecords;
import dev.pgeventstore.spi.EventFeed;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.TopicPartition;

/**
 * Makes the lost notes of a lane anew. What it has published says where it stands; which of its
 * events are missing there says what waits, and what was left out. The lead of the lane is the
 * caller's. For one thread.
 */
public final class LaneRecovery {

  private static final Position END = Position.of(Long.MAX_VALUE);
  private static final String LEFT_OUT =
      "found by a recovery: it was not published, and later events of its stream were";

  private final Evidence evidence;
  private final RelaySpec spec;
  private final EventFeed feed;
  private final LaneAccess access;
  private final SeizedLead lead;
  private final Set<Position> leftOut = new TreeSet<>();

  public LaneRecovery(
      Evidence evidence, RelaySpec spec, EventFeed feed, LaneAccess access, SeizedLead lead) {
    this.evidence = evidence;
    this.spec = spec;
    this.feed = feed;
    this.access = access;
    this.lead = lead;
  }

  /**
   * Does it, and notes it when it is verified.
   *
   * @throws IllegalStateException if it cannot be done; nothing was noted
   */
  public RecoveredLane run(String why) throws InterruptedException {
    access.readsFromNowOn();
    LaneNotes noted = access.readNotes();
    LaneNotes older = noted.legible();
    Set<String> names = new HashSet<>(evidence.topics());
    names.addAll(older.topics().keySet());
    Map<String, TopicLayout> topics = access.existing(names);
    Published published = published(topics, END);
    if (noted.all().equals(older.all()) && isWhole(older, published) && isExact(older)) {
      prove(older);
      return result(older, published, false);
    }
    int number = seriesNumber(older, published);
    PublishedSeries series = published.of(number);
    requireSameHistory(published.of(published.lastNumber()), number);
    Position start = start(older, published, series);
    if (!series.misplaced().isEmpty()) {
      throw refused(
          "in %s records are in partitions that no number of partitions gives for their keys"
              .formatted(series.misplaced()));
    }
    LaneNotes draft = draft(older, series, start, topics);
    Findings findings = new Findings();
    addWhatWaited(older, series.number(), start, findings.missing);
    evidence.verify(access.lane(), draft, lead, findings);
    if (findings.missing.areTooMany()) {
      throw refused(
          "more than %d events are missing in its topics"
              .formatted(MissingRecords.MOST_REMEMBERED));
    }
    Position position = standing(draft, older, series, findings.missing);
    requireExplicable(findings.missing, position, series, topics);
    if (series.end().position().isAfter(position)) {
      published = published(topics, position);
      series = published.of(number);
    }
    requireKnownEnd(draft, published, series);
    LaneNotes found = complete(draft, older, position, series, findings.missing);
    long before = evidence.proof().differences();
    prove(found);
    if (evidence.proof().differences() > before) {
      throw refused(
          "what is there contradicts what the store says was published: %s. If records were lost in Kafka, begin a new series before the first of them, with RelayOperations.newSeries(…)"
              .formatted(evidence.proof().report()));
    }
    access.recover(found, series.highestToken(), "recover: " + why);
    return result(found, published, true);
  }

  private Published published(Map<String, TopicLayout> topics, Position upTo) {
    lead.require();
    Published published = Published.of(access.tailIn(topics.keySet()), topics, upTo);
    lead.require();
    return published;
  }

  /**
   * One note that is missing among the latest, as of a stream that waits, is seen by nothing else.
   */
  private boolean isExact(LaneNotes notes) throws InterruptedException {
    Findings findings = new Findings();
    evidence.verify(access.lane(), notes, lead, findings);
    return findings.differences() == 0;
  }

  private void prove(LaneNotes notes) throws InterruptedException {
    evidence.verify(access.lane(), notes, lead, evidence.proof());
    evidence.proof().laneEnds();
  }

  private RecoveredLane result(LaneNotes notes, Published published, boolean changed) {
    return new RecoveredLane(
        access.lane(),
        changed,
        notes.series(),
        notes.position().map(LanePosition::position).orElse(Position.START),
        List.copyOf(notes.parked().values()),
        List.copyOf(leftOut),
        published.of(notes.series()).records());
  }

  private IllegalStateException refused(String why) {
    return new IllegalStateException(
        "lane %d of relay %s cannot be recovered, and nothing of it was changed: %s"
            .formatted(access.lane(), spec.name(), why));
  }

  /** Whether nothing is published that is beyond what the notes know. */
  private boolean isWhole(LaneNotes notes, Published published) {
    if (notes.position().isEmpty() || notes.series() < published.lastNumber()) {
      return false;
    }
    TokenLedger ledger = access.ledger();
    long number = notes.token().map(Token::number).orElse(0L);
    boolean isOld =
        notes.token().filter(ledger::isOlder).isPresent()
            || ledger.published().filter(token -> token.number() > number).isPresent();
    Position position = notes.position().get().position();
    return !(isOld && spec.delivery() == Delivery.EXACTLY_ONCE)
        && published.of(notes.series()).lastRecords().stream()
            .allMatch(record -> isNoted(record, notes, position));
  }

  private static boolean isNoted(OwnRecord record, LaneNotes notes, Position position) {
    RecordPlace last = notes.lastSent().getOrDefault(record.partition(), RecordPlace.NONE);
    return record.place().compareTo(last) <= 0 && !record.place().position().isAfter(position);
  }

  /** Which order it goes on with: one that was begun, and of which nothing was sent, counts too. */
  private int seriesNumber(LaneNotes older, Published published) {
    int last = Math.max(1, published.lastNumber());
    boolean begunSince = begun().filter(at -> !published.of(last).canBeginAfter(at)).isPresent();
    return Math.max(begunSince ? last + 1 : last, older.series());
  }

  /** At least once the database has all notes: that it must have one is none of them. */
  private Optional<Position> begun() {
    return spec.delivery() == Delivery.EXACTLY_ONCE
        ? access.leaseNotes().legible().begun()
        : Optional.empty();
  }

  /** After which position the series began: before its first record, by what knows it best. */
  private Position start(LaneNotes older, Published published, PublishedSeries series) {
    Optional<Position> noted =
        older.series() == series.number() ? older.notedStart() : Optional.empty();
    return noted
        .filter(series::canBeginAfter)
        .or(() -> begun().filter(series::canBeginAfter))
        .or(
            () ->
                (series.number() == 1 ? spec.startAfter() : published.endBefore(series.number()))
                    .filter(series::canBeginAfter))
        .orElseGet(
            () -> series.number() == 1 || series.isEmpty() ? Position.START : series.latestStart());
  }

  /** Whether the store has what was published, as far as that can be told without reading all. */
  private void requireSameHistory(PublishedSeries series, int goesOn) {
    TokenLedger ledger = access.ledger();
    Map<String, String> number = Map.of(LaneNotes.SERIES, Integer.toString(series.number()));
    TailFindings found =
        new Comparison(feed, new LaneNotes(number), false, Optional.of(ledger), Optional.empty())
            .of(List.copyOf(series.lastRecords()));
    Position end = series.end().position();
    boolean readLess =
        spec.delivery() == Delivery.EXACTLY_ONCE
            && ledger.last().isPresent()
            // With another one the database has begun to count anew.
            && series.number() == goesOn
            && !series.isBegunAnew()
            && end.isAfter(ledger.readUpTo());
    Position intact =
        found.untied().stream()
            .flatMap(record -> record.token().stream())
            .max(Comparator.comparing(Token::number))
            .map(token -> History.intactUpTo(token, ledger))
            .orElse(readLess ? ledger.readUpTo() : Position.START);
    if (!found.unknown().isEmpty() || !found.untied().isEmpty() || readLess) {
      throw refused(
          "the store's history is not the one that was published, up to position %s%s. %s"
              .formatted(
                  end,
                  found.untied().isEmpty() && !readLess
                      ? ""
                      : ", under tokens that the database has not drawn",
                  found.describeLost(access.lane(), spec.lanes(), end, intact)));
    }
  }

  /** What is known before the missing events are: with it the topics are compared. */
  private LaneNotes draft(
      LaneNotes older, PublishedSeries series, Position start, Map<String, TopicLayout> topics) {
    Map<String, String> notes = new TreeMap<>(older.decided());
    if (older.series() != series.number()) {
      // Positions behind the start may be other events' now.
      older
          .anew(start)
          .forEach((name, text) -> notes.computeIfPresent(name, (same, before) -> text));
    }
    if (series.isBegunAnew() && !older.wasRewound()) {
      notes.put(LaneNotes.auditNow(), LaneNotes.REWIND + "an earlier position, as the topics show");
    }
    notes.put(LaneNotes.SERIES, Integer.toString(series.number()));
    notes.put(LaneNotes.START, start.toString());
    Position end =
        later(series.isEmpty() ? start : series.end().position(), reached(older, series.number()));
    notes.put(LaneNotes.POSITION, access.at(end).format());
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
  private void addWhatWaited(LaneNotes older, int series, Position start, MissingRecords missing)
      throws InterruptedException {
    Map<StreamId, Position> waited = new HashMap<>();
    if (older.series() == series) {
      waited.putAll(older.waitingSince(start));
    }
    LaneNotes database = access.leaseNotes().legible();
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

  /** What is missing must be whole events, and not all that a topic had. */
  private void requireExplicable(
      MissingRecords missing,
      Position upTo,
      PublishedSeries series,
      Map<String, TopicLayout> topics) {
    requireNone(
        missing.ofEventsThatArePartlyThere().stream()
            .filter(one -> !one.position().isAfter(upTo))
            .toList(),
        "other records of the same events are there, so these were lost in Kafka");
    SortedMap<Position, StreamId> events = missing.events();
    requireNone(
        missing
            .differences()
            .filter(one -> !one.position().isAfter(upTo))
            .filter(one -> topics.containsKey(one.topic()) && !series.has(one.topic()))
            .filter(one -> missing.wasPassedBy(stream(events, one.position()), one.position()))
            .toList(),
        "nothing of the lane is in their topic, while later events of their streams are in others: the topic was emptied or created anew");
  }

  private static StreamId stream(SortedMap<Position, StreamId> events, Position position) {
    return Objects.requireNonNull(events.get(position), "an event of each record");
  }

  private void requireNone(List<Difference> lost, String why) {
    if (!lost.isEmpty()) {
      throw refused(
          "%s: %s. Begin a new series before them, with RelayOperations.newSeries(…)"
              .formatted(why, lost.subList(0, Math.min(Evidence.MOST_NAMED, lost.size()))));
    }
  }

  /**
   * Where the lane stands. Exactly once that is where it has committed last. At least once nothing
   * is committed in one piece: it stands before whatever may just not have been sent yet.
   */
  private Position standing(
      LaneNotes draft, LaneNotes older, PublishedSeries series, MissingRecords missing) {
    Position end = draft.position().orElseThrow().position();
    if (spec.delivery() == Delivery.EXACTLY_ONCE) {
      return end;
    }
    Position decided =
        later(draft.start(), later(series.decidedUpTo(), reached(older, series.number())));
    List<Position> unsure = new ArrayList<>();
    missing.atTheEnds(series.lastPlaces()).forEach(one -> unsure.add(one.position()));
    missing
        .events()
        .forEach(
            (position, stream) -> {
              if (mayBeADeadLetter(draft, series, position, stream)) {
                unsure.add(position);
              }
            });
    feed.messages(spec.name(), access.lane(), spec.lanes(), decided, end, 1)
        .forEach(message -> unsure.add(message.position()));
    return unsure.stream()
        .filter(position -> position.isAfter(decided))
        .min(Position::compareTo)
        .map(position -> Position.of(position.value() - 1))
        .orElse(end);
  }

  /** Where older notes have it in the same series: it stands nowhere before. */
  private static Position reached(LaneNotes older, int series) {
    return older.series() == series ? older.reached() : Position.START;
  }

  private static Position later(Position one, Position other) {
    return one.isAfter(other) ? one : other;
  }

  /** Its dead letter, if it was to have one, may not have been sent. */
  private boolean mayBeADeadLetter(
      LaneNotes draft, PublishedSeries series, Position position, StreamId stream) {
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

  /**
   * Where retention has left nothing of a partition, what stood last there is not known: what the
   * database has read and the topics do not have may have been there.
   */
  private void requireKnownEnd(LaneNotes draft, Published published, PublishedSeries series)
      throws InterruptedException {
    Set<TopicPartition> emptied = published.emptied(series);
    if (emptied.isEmpty() || spec.delivery() == Delivery.AT_LEAST_ONCE) {
      return;
    }
    TokenLedger ledger = access.ledger();
    Position read = ledger.last().isPresent() ? ledger.readUpTo() : feed.highWaterMark();
    List<Position> perhaps = evidence.expectedIn(access.lane(), draft, read, emptied);
    if (!perhaps.isEmpty()) {
      throw refused(
          "retention has left nothing of it in %s, so it cannot be told whether these were published there: %s. Go on with RelayOperations.newSeries(…), after the last that consumers had"
              .formatted(emptied, perhaps));
    }
  }

  private LaneNotes complete(
      LaneNotes draft,
      LaneNotes older,
      Position position,
      PublishedSeries series,
      MissingRecords missing) {
    Map<String, String> notes = new TreeMap<>(draft.all());
    notes.put(LaneNotes.POSITION, access.at(position).format());
    draft.topics().keySet().stream()
        .filter(topic -> !series.has(topic))
        .forEach(topic -> notes.remove(LaneNotes.topic(topic)));
    series
        .lastPlaces()
        .forEach((partition, place) -> notes.put(LaneNotes.sent(partition), place.toString()));
    Map<StreamId, ParkedStream> parked = new TreeMap<>(Comparator.comparing(StreamId::toString));
    missing
        .events()
        .headMap(Position.of(position.value() + 1))
        .forEach(
            (at, stream) -> {
              if (missing.wasPassedBy(stream, at)) {
                leftOut.add(at);
                notes.put(LaneNotes.skip(at), LEFT_OUT);
              } else {
                parked.computeIfAbsent(stream, one -> parked(older, one, at));
              }
            });
    parked.forEach((stream, one) -> notes.put(LaneNotes.parked(stream), ParkedNote.format(one)));
    return new LaneNotes(notes);
  }

  private static ParkedStream parked(LaneNotes older, StreamId stream, Position since) {
    ParkedStream before = older.parked().get(stream);
    return before == null
        ? new ParkedStream(
            stream,
            since,
            Instant.now(),
            "found by a recovery: neither this event nor a later one of the stream was published")
        : new ParkedStream(stream, since, before.at(), before.reason());
  }
}
