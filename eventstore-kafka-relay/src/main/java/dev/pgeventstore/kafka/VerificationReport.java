package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;
import java.util.List;
import java.util.Map;

/** What a verification found. Immutable; it may get more methods. */
public interface VerificationReport {

  /** The most differences that are given one by one. */
  int MOST_DIFFERENCES = 100;

  /**
   * How many events were looked at: their records were all found to be what they should be, or
   * their differences are among those of this report.
   *
   * @return those that give no record among them
   */
  long events();

  /** {@return how many records were compared with the store, byte by byte} */
  long records();

  /**
   * How many records of outbox messages, whose rows are gone, and of operators were seen.
   *
   * @return those of which only the place in the order was checked
   */
  long messages();

  /**
   * How many records there were of events that were erased, truncated or purged since, of dead
   * letters, and of events that the mapper fails at.
   *
   * @return those of which only the place in the order was checked
   */
  long notCompared();

  /** {@return how many events an operator or the poison policy keeps from being published} */
  long left();

  /** {@return how many records were sent again as promised: at least once, or after a rewind} */
  long repeated();

  /** {@return how many records of the store the topic's retention has removed} */
  long removed();

  /** {@return how many records are of other producers, or of an earlier series} */
  long others();

  /** {@return how many differences there are of each kind; empty if all is as it should be} */
  Map<Difference.Kind, Long> differences();

  /** {@return the first differences by position, at most {@value #MOST_DIFFERENCES}} */
  List<Difference> first();

  /** {@return what was verified of each partition} */
  List<VerifiedPartition> partitions();

  /**
   * Whether the topics have what they should have, as far back as they reach.
   *
   * @return true without any difference
   */
  default boolean isExact() {
    return differences().isEmpty();
  }

  /** What was verified of a partition. */
  interface VerifiedPartition {

    /** {@return the lane whose records were verified} */
    int lane();

    /** {@return the name of the topic} */
    String topic();

    /** {@return the partition of the topic} */
    int partition();

    /**
     * The position from which on it was verified.
     *
     * @return {@link Position#START} unless retention has removed the beginning
     */
    Position from();

    /** {@return the first offset that the partition has} */
    long beginning();

    /** {@return the offset up to which it was read} */
    long end();
  }
}
