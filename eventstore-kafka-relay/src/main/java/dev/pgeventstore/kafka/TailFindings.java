package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.feed.EventFeed;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * Where the last records of a lane contradict the store or the lane's notes.
 *
 * @param unknown records of the lane's series that the store has no source of, in the order of
 *     positions
 * @param beyond records that the lane's notes know nothing of, in the order of places
 * @param common the last position at which an event of the lane's series is the same in both
 */
record TailFindings(List<OwnRecord> unknown, List<OwnRecord> beyond, Position common) {

  private static final int MOST_NAMED = 20;

  /**
   * Compares records with the store and with the notes.
   *
   * @param exact whether notes and records are committed together, so that no record can be beyond
   *     what is noted
   */
  static TailFindings of(List<OwnRecord> records, EventFeed feed, LaneNotes notes, boolean exact) {
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
      ofSeries.stream().filter(record -> isBeyond(record, notes)).forEach(beyond::add);
    }
    beyond.sort(Comparator.comparing(OwnRecord::series).thenComparing(OwnRecord::place));
    return compare(ofSeries, feed, beyond);
  }

  private static boolean isBeyond(OwnRecord record, LaneNotes notes) {
    RecordPlace last = notes.lastSent().getOrDefault(record.partition(), RecordPlace.NONE);
    return record.place().compareTo(last) > 0;
  }

  private static TailFindings compare(
      List<OwnRecord> records, EventFeed feed, List<OwnRecord> beyond) {
    Map<Position, UUID> stored = new HashMap<>();
    List<Position> wanted =
        records.stream().filter(OwnRecord::isOfAnEvent).map(OwnRecord::source).distinct().toList();
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
              : record.source().isAfter(drawn);
      if (isUnknown) {
        unknown.add(record);
      } else if (record.isOfAnEvent() && record.source().isAfter(common)) {
        common = record.source();
      }
    }
    unknown.sort(Comparator.comparing(OwnRecord::source));
    return new TailFindings(unknown, beyond, common);
  }

  boolean isEmpty() {
    return unknown.isEmpty() && beyond.isEmpty();
  }

  Set<TopicPartition> partitions() {
    return Stream.concat(unknown.stream(), beyond.stream())
        .map(OwnRecord::partition)
        .collect(Collectors.toSet());
  }

  /** Says, for people, what is published and not in the store, and how to go on. */
  String describeUnknown() {
    if (unknown.isEmpty()) {
      return "Among the last records of each partition none is of an event that the store does not have.";
    }
    boolean events = unknown.stream().allMatch(OwnRecord::isOfAnEvent);
    return "%d of the last records are of events %sthat the store does not have: %s The last event that both have is at position %s. To go on behind it, correct what consumers did with those records, and begin a new series: RelayOperations.newSeries(Position.of(%s), …)"
        .formatted(
            unknown.size(), events ? "" : "or outbox messages ", named(unknown), common, common);
  }

  /** The same of records that the notes do not know. */
  String describeBeyond() {
    OwnRecord last = beyond.get(beyond.size() - 1);
    Position end = last.place().position();
    return "%d of the last records are not in its notes: %s Going on would publish them again. The notes are an older copy, or the relay has published with another delivery meanwhile. To go on behind what is published, begin a new series: RelayOperations.newSeries(Position.of(%s), …)"
        .formatted(beyond.size(), named(beyond), end);
  }

  private static String named(List<OwnRecord> records) {
    String named =
        records.stream()
            .limit(MOST_NAMED)
            .map(record -> record + ";")
            .collect(Collectors.joining(" "));
    return records.size() > MOST_NAMED ? named + " and so on." : named.replaceFirst(";$", ".");
  }
}
