package dev.pgeventstore.kafka.internal.operate;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Difference;
import dev.pgeventstore.kafka.RecoveryReport.RecoveredLane;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.history.History;
import dev.pgeventstore.kafka.internal.history.OwnRecord;
import dev.pgeventstore.kafka.internal.history.Published;
import dev.pgeventstore.kafka.internal.history.PublishedSeries;
import dev.pgeventstore.kafka.internal.history.TailFindings;
import dev.pgeventstore.kafka.internal.history.TailFindings.Comparison;
import dev.pgeventstore.kafka.internal.lead.LeaseLeadership;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.Token;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.kafka.internal.position.Tokens;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import dev.pgeventstore.kafka.internal.relay.LaneAccess;
import dev.pgeventstore.kafka.internal.relay.LaneContext;
import dev.pgeventstore.kafka.internal.verify.Findings;
import dev.pgeventstore.kafka.internal.verify.MissingRecords;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import org.apache.kafka.common.TopicPartition;

/**
 * Makes the lost notes of a lane anew. What it has published says where it stands; which of its
 * events are missing there says what waits, and what was left out. The lead of the lane is the
 * caller's. For one thread.
 */
public final class LaneRecovery {

  private static final Position END = Position.of(Long.MAX_VALUE);

  private final Evidence evidence;
  private final LaneAccess access;
  private final LaneContext lane;
  private final RelaySpec spec;
  private final LeaseLeadership lead;
  private final Renewal renewal;

  /** What is read after this is of the incarnation of the server that it must be noted in. */
  LaneRecovery(Evidence evidence, LaneAccess access, LeaseLeadership lead) {
    this.evidence = evidence;
    this.access = access;
    this.lane = access.lane();
    this.spec = lane.spec();
    this.lead = lead;
    this.renewal = new Renewal(access);
  }

  /**
   * Does it, and notes it when it is verified.
   *
   * @throws IllegalStateException if it cannot be done; nothing was noted
   */
  RecoveredLane run(String why) throws InterruptedException {
    LaneNotes noted = access.readNotes();
    LaneNotes older = noted.legible();
    Set<String> names = new HashSet<>(evidence.topics());
    names.addAll(older.topics().keySet());
    Map<String, TopicLayout> topics = access.existing(names);
    Published published = published(topics, END);
    if (noted.all().equals(older.all()) && isWhole(older, published) && isExact(older)) {
      prove(older);
      return result(older, published, List.of(), false);
    }
    LaneDraft draft = new LaneDraft(lane, older, published);
    requireSameHistory(published.of(published.lastNumber()), draft.number(), older);
    if (!draft.series().misplaced().isEmpty()) {
      throw refused(
          "in %s records are in partitions that no number of partitions gives for their keys"
              .formatted(draft.series().misplaced()));
    }
    LaneNotes known = draft.notes(topics);
    Findings findings = new Findings();
    draft.addWhatWaited(evidence, findings.missing);
    evidence.verify(lane.number(), known, lead, findings);
    if (findings.missing.areTooMany()) {
      throw refused(
          "more than %d events are missing in its topics"
              .formatted(MissingRecords.MOST_REMEMBERED));
    }
    Position position = draft.standing(known, findings.missing);
    requireExplicable(findings.missing, position, draft.series(), topics);
    if (draft.series().end().position().isAfter(position)) {
      published = published(topics, position);
      draft.goesUpTo(published);
    }
    requireKnownEnd(known, published, draft.series());
    LaneNotes found = draft.complete(known, position, findings.missing);
    long before = evidence.proof().differences();
    prove(found);
    if (evidence.proof().differences() > before) {
      throw refused(
          "what is there contradicts what the store says was published: %s. If records were lost in Kafka, begin a new series before the first of them, with RelayOperations.newSeries(…)"
              .formatted(evidence.proof().report()));
    }
    renewal.recover(found, draft.series().highestToken(), LaneNotes.RECOVER + why);
    return result(found, published, draft.leftOut(), true);
  }

  private Published published(Map<String, TopicLayout> topics, Position upTo) {
    lead.require();
    Published published = Published.of(lane.tailIn(topics.keySet()), topics, upTo);
    lead.require();
    return published;
  }

  /**
   * One note that is missing among the latest, as of a stream that waits, is seen by nothing else.
   */
  private boolean isExact(LaneNotes notes) throws InterruptedException {
    Findings findings = new Findings();
    evidence.verify(lane.number(), notes, lead, findings);
    return findings.differences() == 0;
  }

  private void prove(LaneNotes notes) throws InterruptedException {
    evidence.verify(lane.number(), notes, lead, evidence.proof());
    evidence.proof().laneEnds();
  }

  private RecoveredLane result(
      LaneNotes notes, Published published, List<Position> leftOut, boolean changed) {
    return new Recovered.OfLane(
        lane.number(),
        changed,
        notes.series(),
        notes.position().map(LanePosition::position).orElse(Position.START),
        List.copyOf(notes.parked().values()),
        leftOut,
        published.of(notes.series()).records());
  }

  /** The tokens that the database knows to have drawn. */
  private TokenLedger ledger() {
    return new Tokens(lead.lease()).ledger();
  }

  private IllegalStateException refused(String why) {
    return new IllegalStateException(
        "lane %d of relay %s cannot be recovered, and nothing of it was changed: %s"
            .formatted(lane.number(), spec.name(), why));
  }

  /** Whether nothing is published that is beyond what the notes know. */
  private boolean isWhole(LaneNotes notes, Published published) {
    if (notes.position().isEmpty() || notes.series() < published.lastNumber()) {
      return false;
    }
    Position position = notes.position().get().position();
    return !(lane.isExactlyOnce() && ledger().isAheadOf(notes.token()))
        && published.of(notes.series()).lastRecords().stream()
            .allMatch(record -> isNoted(record, notes, position));
  }

  private static boolean isNoted(OwnRecord record, LaneNotes notes, Position position) {
    RecordPlace last = notes.lastSent().getOrDefault(record.partition(), RecordPlace.NONE);
    return record.place().compareTo(last) <= 0 && !record.place().position().isAfter(position);
  }

  /** Whether the store has what was published, as far as that can be told without reading all. */
  private void requireSameHistory(PublishedSeries series, int goesOn, LaneNotes older) {
    TokenLedger ledger = ledger();
    Map<String, String> number = Map.of(LaneNotes.SERIES, Integer.toString(series.number()));
    TailFindings found =
        new Comparison(
                lane.feed(), new LaneNotes(number), false, Optional.of(ledger), Optional.empty())
            .of(List.copyOf(series.lastRecords()));
    Position end = series.end().position();
    boolean readLess =
        lane.isExactlyOnce()
            && ledger.last().isPresent()
            // With another one the database has begun to count anew.
            && series.number() == goesOn
            && !series.isBegunAnew()
            && end.isAfter(ledger.readUpTo());
    boolean agrees = found.unknown().isEmpty() && found.untied().isEmpty();
    if (readLess && agrees && older.wasRecovered() && ledger.last().equals(older.token())) {
      throw refused(
          "its topics have records up to position %s, but by its notes and the database it has come to %s since an earlier recovery: not all topics were named then. To go on behind what is published, begin a new series: RelayOperations.newSeries(%sPosition.of(%s), …)"
              .formatted(
                  end, ledger.readUpTo(), TailFindings.ofLane(lane.number(), spec.lanes()), end));
    }
    Position intact =
        found.untied().stream()
            .flatMap(record -> record.token().stream())
            .max(Comparator.comparing(Token::number))
            .map(token -> History.intactUpTo(token, ledger))
            .orElse(readLess ? ledger.readUpTo() : Position.START);
    if (!agrees || readLess) {
      throw refused(
          "the store's history is not the one that was published, up to position %s%s. %s"
              .formatted(
                  end,
                  found.untied().isEmpty() && !readLess
                      ? ""
                      : ", under tokens that the database has not drawn",
                  found.describeLost(lane.number(), spec.lanes(), end, intact)));
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
   * Where retention has left nothing of a partition, what stood last there is not known: what the
   * database has read and the topics do not have may have been there.
   */
  private void requireKnownEnd(LaneNotes draft, Published published, PublishedSeries series)
      throws InterruptedException {
    Set<TopicPartition> emptied = published.emptied(series);
    if (emptied.isEmpty() || !lane.isExactlyOnce()) {
      return;
    }
    TokenLedger ledger = ledger();
    Position read = ledger.last().isPresent() ? ledger.readUpTo() : lane.feed().highWaterMark();
    List<Position> perhaps = evidence.expectedIn(lane.number(), draft, read, emptied);
    if (!perhaps.isEmpty()) {
      throw refused(
          "retention has left nothing of it in %s, so it cannot be told whether these were published there: %s. Go on with RelayOperations.newSeries(…), after the last that consumers had"
              .formatted(emptied, perhaps));
    }
  }
}
