package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.Difference;
import dev.pgeventstore.kafka.VerificationProgress;
import dev.pgeventstore.kafka.VerificationReport;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What a verification found. */
public record Report(
    long events,
    long records,
    long messages,
    long notCompared,
    long left,
    long repeated,
    long removed,
    long others,
    Map<Difference.Kind, Long> differences,
    List<Difference> first,
    List<VerifiedPartition> partitions)
    implements VerificationReport {

  @Override
  public String toString() {
    return "%s: %d records of %d events compared, %d messages seen, %d not compared, %d left out, %d repeated as promised, %d removed by retention, %d of others; differences %s%s"
        .formatted(
            isExact() ? "exact" : "NOT EXACT",
            records,
            events,
            messages,
            notCompared,
            left,
            repeated,
            removed,
            others,
            differences,
            first.stream().map(one -> "\n  " + one).collect(Collectors.joining()));
  }

  record OfPartition(int lane, String topic, int partition, Position from, long beginning, long end)
      implements VerifiedPartition {}

  /** How far it has come. */
  public record Progress(
      int lane, int lanes, Position position, Position upTo, long records, long differences)
      implements VerificationProgress {}
}
