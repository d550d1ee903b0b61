package dev.pgeventstore.kafka.internal.history;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.position.TokenLedger;
import dev.pgeventstore.spi.EventFeed;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * Where the last records of a lane contradict the store or the lane's notes.
 *
 * @param unknown records of the lane's series of which the store has no source, or, of messages,
 *     may have lost it; in the order of positions
 * @param untied records of the lane's series under tokens that the database has not drawn
 * @param beyond records that the lane's notes know nothing of, in the order of places
 * @param common the last position at which an event of the lane's series is the same in both
 * @param last the last position that a record of the lane's series has come to
 */
public record TailFindings(
    List<OwnRecord> unknown,
    List<OwnRecord> untied,
    List<OwnRecord> beyond,
    Position common,
    Position last) {

  private static final int MOST_NAMED = 20;

  public boolean isEmpty() {
    return unknown.isEmpty() && untied.isEmpty() && beyond.isEmpty();
  }

  public Set<TopicPartition> partitions() {
    return Stream.of(unknown, untied, beyond)
        .flatMap(List::stream)
        .map(OwnRecord::partition)
        .collect(Collectors.toSet());
  }

  /**
   * Says, for people, what is published and not in the store, and how to go on.
   *
   * @param lane which ends where the others do not: it goes on behind its own position
   * @param lanes how many there are
   * @param position by the lane's notes
   * @param intactUpTo where the store is known to have everything, published or not
   */
  public String describeLost(int lane, int lanes, Position position, Position intactUpTo) {
    Position published = position.isAfter(last) ? position : last;
    Position inBoth = intactUpTo.isAfter(published) ? published : intactUpTo;
    Position after = common.isAfter(inBoth) ? common : inBoth;
    String what =
        unknown.isEmpty()
            ? "Among the last records of each partition none is of an event that the store does not have."
            : "%d of the last records are of events %sthat the store does not have: %s"
                .formatted(unknown.size(), orMessages(), named(unknown));
    return "%s Both have the same up to position %s. To go on behind it, correct what consumers did with what is lost, and begin a new series: RelayOperations.newSeries(%sPosition.of(%s), …)"
        .formatted(what, after, ofLane(lane, lanes), after);
  }

  private String orMessages() {
    return unknown.stream().allMatch(OwnRecord::isOfAnEvent) ? "" : "or outbox messages ";
  }

  /** The same of records that the notes do not know. */
  String describeBeyond(int lane, int lanes) {
    OwnRecord last = beyond.get(beyond.size() - 1);
    Position end = last.place().position();
    return "%d of the last records are not in its notes: %s Going on would publish them again. The notes are an older copy, or the relay has published with another delivery meanwhile. Let RelayOperations.recover(…) make them anew from the topics. Where that is refused, go on behind what is published by a new series: RelayOperations.newSeries(%sPosition.of(%s), …)"
        .formatted(beyond.size(), named(beyond), ofLane(lane, lanes), end);
  }

  /**
   * The first argument of a {@code newSeries} that concerns a lane alone: lanes end at different
   * positions. Empty for a relay of one lane.
   */
  public static String ofLane(int lane, int lanes) {
    return lanes == 1 ? "" : lane + ", ";
  }

  private static String named(List<OwnRecord> records) {
    String named =
        records.stream()
            .limit(MOST_NAMED)
            .map(record -> record + ";")
            .collect(Collectors.joining(" "));
    return records.size() > MOST_NAMED ? named + " and so on." : named.replaceFirst(";$", ".");
  }

  /**
   * What records are compared with.
   *
   * @param feed of the store
   * @param notes of the lane
   * @param exact whether notes and records are committed together, so that no record can be beyond
   *     what is noted
   * @param ledger of the tokens that the database has drawn; none if the lead draws none
   * @param doubtfulAfter behind which messages may be lost, as far as the notes tell; none if they
   *     tell nothing
   */
  public record Comparison(
      EventFeed feed,
      LaneNotes notes,
      boolean exact,
      Optional<TokenLedger> ledger,
      Optional<Position> doubtfulAfter) {

    public TailFindings of(List<OwnRecord> records) {
      Map<Integer, List<OwnRecord>> bySeries =
          records.stream().collect(Collectors.groupingBy(OwnRecord::series));
      List<OwnRecord> ofSeries = bySeries.getOrDefault(notes.series(), List.of());
      List<OwnRecord> beyond = new ArrayList<>();
      bySeries.forEach(
          (series, later) -> {
            if (series > notes.series()) {
              beyond.addAll(later);
            }
          });
      if (exact) {
        ofSeries.stream().filter(this::isBeyond).forEach(beyond::add);
      }
      beyond.sort(Comparator.comparing(OwnRecord::series).thenComparing(OwnRecord::place));
      return compare(ofSeries, beyond);
    }

    private boolean isBeyond(OwnRecord record) {
      RecordPlace last = notes.lastSent().getOrDefault(record.partition(), RecordPlace.NONE);
      return record.place().compareTo(last) > 0;
    }

    private TailFindings compare(List<OwnRecord> records, List<OwnRecord> beyond) {
      Map<Position, UUID> stored = new HashMap<>();
      List<Position> wanted =
          records.stream()
              .filter(OwnRecord::isOfAnEvent)
              .map(OwnRecord::source)
              .distinct()
              .toList();
      if (!wanted.isEmpty()) {
        stored.putAll(feed.idsAt(wanted));
      }
      Position drawn = records.isEmpty() ? Position.START : feed.lastDrawn();
      List<OwnRecord> unknown = new ArrayList<>();
      Position common = Position.START;
      for (OwnRecord record : records) {
        boolean isUnknown =
            record.isOfAnEvent()
                ? !record.isOf(stored.get(record.source()))
                : mayBeLost(record, drawn);
        if (isUnknown) {
          unknown.add(record);
        } else if (record.isOfAnEvent() && record.source().isAfter(common)) {
          common = record.source();
        }
      }
      unknown.sort(Comparator.comparing(OwnRecord::source));
      List<OwnRecord> untied = records.stream().filter(this::isUntied).toList();
      Position last =
          records.stream()
              .map(record -> record.place().position())
              .reduce(Position.START, (a, b) -> a.isAfter(b) ? a : b);
      return new TailFindings(unknown, untied, beyond, common, last);
    }

    /** The row of a message that was published is gone: only its position can be compared. */
    private boolean mayBeLost(OwnRecord record, Position drawn) {
      return record.source().isAfter(drawn)
          || isUntied(record)
          || doubtfulAfter.filter(record.source()::isAfter).isPresent();
    }

    private boolean isUntied(OwnRecord record) {
      return ledger.isPresent() && record.token().filter(ledger.get()::isForeign).isPresent();
    }
  }
}
