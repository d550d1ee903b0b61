package dev.pgeventstore.kafka.consumer;

import java.util.Comparator;

/**
 * Names a sequence: what one lane of a relay sends to one partition. Order and completeness are
 * those of a sequence; between sequences there is none. Relays of one topic must have different
 * names, also those of different stores: two of one name pass for one sequence.
 *
 * @param relay the relay's series: its name, or {@code name~2}, {@code name~3} and so on after an
 *     operator has accepted that the database has another history than was published. Positions are
 *     handed out again then, so it is another sequence, which begins at its first record
 * @param lane 0 or more
 * @param topic where it is
 * @param partition of the topic
 */
public record SequenceId(String relay, int lane, String topic, int partition)
    implements Comparable<SequenceId> {

  private static final Comparator<SequenceId> ORDER =
      Comparator.comparing(SequenceId::topic)
          .thenComparingInt(SequenceId::partition)
          .thenComparing(SequenceId::relay)
          .thenComparingInt(SequenceId::lane);

  /** By topic, partition, relay, lane. */
  @Override
  public int compareTo(SequenceId other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return "relay %s, lane %d in %s-%d".formatted(relay, lane, topic, partition);
  }
}
