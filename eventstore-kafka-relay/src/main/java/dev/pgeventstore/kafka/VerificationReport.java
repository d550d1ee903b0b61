package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a verification found.
 *
 * @param events whose records were all found to be what they should be, or whose differences are
 *     told; those that give no record among them
 * @param records compared with the store, byte by byte
 * @param messages seen: records of outbox messages, whose rows are gone, and of operators. Only
 *     their place in the order was checked
 * @param notCompared records of events that were erased, truncated or purged since, of dead
 *     letters, and of events that the mapper fails at. Only their place in the order was checked
 * @param left events that an operator or the poison policy keeps from being published
 * @param repeated records that were sent again as promised: at least once, or after a rewind
 * @param removed records of the store that the topic's retention has removed
 * @param others records of other producers, or from before the relay's order began anew
 * @param differences how many of each kind; empty if all is as it should be
 * @param first of the differences, by position: at most {@value #MOST_DIFFERENCES}
 * @param partitions what was verified of each
 */
public record VerificationReport(
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
    List<VerifiedPartition> partitions) {

  /** The most differences that are told one by one. */
  public static final int MOST_DIFFERENCES = 100;

  /**
   * Whether the topics have what they should have, as far back as they reach.
   *
   * @return true without any difference
   */
  public boolean isExact() {
    return differences.isEmpty();
  }

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

  /**
   * What was verified of a partition.
   *
   * @param lane whose records
   * @param topic the topic
   * @param partition of the topic
   * @param from the position from which on; {@link Position#START} unless retention has removed the
   *     beginning
   * @param beginning the first offset that the partition has
   * @param end the offset up to which it was read
   */
  public record VerifiedPartition(
      int lane, String topic, int partition, Position from, long beginning, long end) {}
}
