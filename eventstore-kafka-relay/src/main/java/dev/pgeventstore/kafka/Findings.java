package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.Difference.Kind;
import dev.pgeventstore.kafka.VerificationReport.VerifiedPartition;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/** What a verification has found so far. For one thread. */
final class Findings {

  /** So many may be found again further on; those beyond stay missing. */
  private static final int MOST_MISSING_REMEMBERED = 100_000;

  long events;
  long records;
  long messages;
  long notCompared;
  long left;
  long repeated;
  long removed;
  long others;
  private long missing;
  private final TreeMap<RecordPlace, Difference> missed = new TreeMap<>(Comparator.naturalOrder());
  private final Map<Kind, Long> counts = new EnumMap<>(Kind.class);
  private final List<Difference> first = new ArrayList<>();
  private final List<VerifiedPartition> partitions = new ArrayList<>();

  void missing(ExpectedRecord expected, int partition) {
    missing++;
    if (missed.size() < MOST_MISSING_REMEMBERED) {
      missed.put(
          expected.place(),
          new Difference(
              Kind.MISSING,
              expected.topic(),
              partition,
              OptionalLong.empty(),
              expected.event().position(),
              expected.index(),
              "%s, version %d of stream %s"
                  .formatted(
                      expected.event().type(),
                      expected.event().version(),
                      expected.event().stream())));
    }
  }

  /** What seemed to be missing is there. */
  boolean found(RecordPlace place) {
    boolean found = missed.remove(place) != null;
    missing -= found ? 1 : 0;
    return found;
  }

  /** Nothing of an event is missing: it is accounted for otherwise. */
  void accountedFor(Position position) {
    Collection<Difference> ofIt =
        missed
            .subMap(
                new RecordPlace(position, 0), true,
                new RecordPlace(position, Integer.MAX_VALUE), true)
            .values();
    missing -= ofIt.size();
    ofIt.clear();
  }

  void add(Kind kind, SentRecord record, String what) {
    counts.merge(kind, 1L, Long::sum);
    if (first.size() < VerificationReport.MOST_DIFFERENCES) {
      first.add(
          new Difference(
              kind,
              record.raw().topic(),
              record.raw().partition(),
              OptionalLong.of(record.raw().offset()),
              record.place().position(),
              record.place().index(),
              what));
    }
  }

  /** What the relay has sent last to a partition is not there. */
  void lastIsMissing(TopicPartition partition, RecordPlace place) {
    boolean told =
        missed.containsKey(place) || (missing > 0 && missed.size() >= MOST_MISSING_REMEMBERED);
    if (told) {
      return;
    }
    counts.merge(Kind.MISSING, 1L, Long::sum);
    if (first.size() < VerificationReport.MOST_DIFFERENCES) {
      first.add(
          new Difference(
              Kind.MISSING,
              partition.topic(),
              partition.partition(),
              OptionalLong.empty(),
              place.position(),
              place.index(),
              "the last record that the relay has noted there"));
    }
  }

  void unreadable(String topic, int partition, long offset, String what) {
    counts.merge(Kind.UNKNOWN, 1L, Long::sum);
    if (first.size() < VerificationReport.MOST_DIFFERENCES) {
      first.add(
          new Difference(
              Kind.UNKNOWN, topic, partition, OptionalLong.of(offset), Position.START, 0, what));
    }
  }

  void verified(VerifiedPartition partition) {
    partitions.add(partition);
  }

  long differences() {
    return missing + counts.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Ends a lane: the places of the next are others. What is missing now is. */
  void laneEnds() {
    if (missing > 0) {
      counts.merge(Kind.MISSING, missing, Long::sum);
    }
    List<Difference> all =
        Stream.concat(first.stream(), missed.values().stream())
            .sorted(Comparator.comparing(Difference::position).thenComparing(Difference::index))
            .limit(VerificationReport.MOST_DIFFERENCES)
            .toList();
    first.clear();
    first.addAll(all);
    missing = 0;
    missed.clear();
  }

  VerificationReport report() {
    return new VerificationReport(
        events,
        records,
        messages,
        notCompared,
        left,
        repeated,
        removed,
        others,
        Map.copyOf(counts),
        List.copyOf(first),
        List.copyOf(partitions));
  }
}
