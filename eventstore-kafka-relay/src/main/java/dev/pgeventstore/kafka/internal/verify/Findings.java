package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.Difference;
import dev.pgeventstore.kafka.Difference.Kind;
import dev.pgeventstore.kafka.VerificationReport;
import dev.pgeventstore.kafka.VerificationReport.VerifiedPartition;
import dev.pgeventstore.kafka.internal.history.SentRecord;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;

/** What a verification has found so far. For one thread. */
public final class Findings {

  public long events;
  public long records;
  public long messages;
  public long notCompared;
  public long left;
  public long repeated;
  public long removed;
  public long others;
  public final MissingRecords missing = new MissingRecords();
  private final Map<Kind, Long> counts = new EnumMap<>(Kind.class);
  private final List<Difference> first = new ArrayList<>();
  private final List<VerifiedPartition> partitions = new ArrayList<>();

  public void add(Kind kind, SentRecord record, String what) {
    add(
        new Found(
            kind,
            record.raw().topic(),
            record.raw().partition(),
            OptionalLong.of(record.raw().offset()),
            record.place().position(),
            record.place().index(),
            what));
  }

  /** What the relay has sent last to a partition is not there. */
  void lastIsMissing(TopicPartition partition, RecordPlace place) {
    if (!missing.mayHave(place)) {
      add(
          new Found(
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
    add(
        new Found(
            Kind.UNKNOWN, topic, partition, OptionalLong.of(offset), Position.START, 0, what));
  }

  private void add(Found found) {
    counts.merge(found.kind(), 1L, Long::sum);
    if (first.size() < VerificationReport.MOST_DIFFERENCES) {
      first.add(found);
    }
  }

  void verified(VerifiedPartition partition) {
    partitions.add(partition);
  }

  public long differences() {
    return missing.count() + counts.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Ends a lane: the places of the next are others. What is missing now is. */
  public void laneEnds() {
    if (missing.count() > 0) {
      counts.merge(Kind.MISSING, missing.count(), Long::sum);
    }
    List<Difference> all = missing.first(first, VerificationReport.MOST_DIFFERENCES);
    first.clear();
    first.addAll(all);
    missing.clear();
  }

  public VerificationReport report() {
    return new Report(
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
