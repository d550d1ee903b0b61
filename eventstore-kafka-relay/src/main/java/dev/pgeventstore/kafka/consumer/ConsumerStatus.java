package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.Blocker;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;

/**
 * What a consumer did when it was asked. The counters are of this object, since it was started.
 * Immutable; applications do not implement it, and it may get more methods.
 */
public interface ConsumerStatus {

  /**
   * Whether it runs.
   *
   * @return the state
   */
  State state();

  /**
   * Why it failed, or why it cannot read at present; once closed, what was not finished.
   *
   * @return empty if there is nothing to say
   */
  Optional<String> reason();

  /**
   * The partitions that it has, and how each of them fares.
   *
   * @return by partition
   */
  Map<TopicPartition, PartitionStatus> partitions();

  /**
   * How many records were handled.
   *
   * @return 0 or more
   */
  long handled();

  /**
   * How many records had been handled before, and were dropped.
   *
   * @return 0 or more
   */
  long repeated();

  /**
   * How many records were set aside.
   *
   * @return 0 or more
   */
  long deadLetters();

  /**
   * Why it is not healthy.
   *
   * @return empty if it is
   */
  Optional<String> complaint();

  /**
   * Whether all is well. It is not if the consumer has ended by itself; if a partition has stopped;
   * or if for some time ({@link RelayedConsumer.Builder#unhealthyAfter}) a partition has had
   * records and none was handled, for whatever reason, or nothing could be read.
   *
   * @return false if an operator should look at it; {@link #complaint()} says why
   */
  default boolean isHealthy() {
    return complaint().isEmpty();
  }

  /** Whether a consumer runs. */
  enum State {
    /** It reads. */
    RUNNING,
    /** It was closed. */
    CLOSED,
    /**
     * It has ended by itself: another consumer has taken its {@code group.instance.id}. The reason
     * says so.
     */
    FAILED
  }

  /** What a partition does. */
  enum PartitionState {
    /** It handles records, or has none. */
    RUNNING,
    /**
     * It has records and waits: for a transaction that has locked its mark, which {@link
     * PartitionStatus#waitsFor()} names, or for a free handler thread.
     */
    WAITING,
    /** The handler, the database or Kafka failed; it tries again, with pauses. */
    RETRYING,
    /** It waits for {@link RelayedConsumer#resume()}. */
    STOPPED
  }

  /** How a partition fares. */
  interface PartitionStatus {

    /**
     * What it does.
     *
     * @return the state
     */
    PartitionState state();

    /**
     * The first offset that is not handled.
     *
     * @return empty before anything was read
     */
    Optional<Long> nextOffset();

    /**
     * How often the record there has failed, alone.
     *
     * @return 0 or more
     */
    int attempts();

    /**
     * For how long it has had records and none was handled.
     *
     * @return zero if it has none
     */
    Duration standsFor();

    /**
     * The transaction that has locked its mark.
     *
     * @return as last seen
     */
    Optional<Blocker> waitsFor();

    /**
     * At which record it does not go on, and why.
     *
     * @return empty if it does
     */
    Optional<String> failure();

    /**
     * Whether it waits for {@link RelayedConsumer#resume()}.
     *
     * @return true if it has stopped
     */
    default boolean isStopped() {
      return state() == PartitionState.STOPPED;
    }
  }
}
