package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.Blocker;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;

/**
 * What a consumer does just now. The counters are of this object, since it was started.
 *
 * @param state whether it runs
 * @param reason why it failed, or why it cannot read at present; once closed, what was not finished
 * @param partitions those it has, and how each of them fares
 * @param handled how many records were handled
 * @param repeated how many had been handled before, and were dropped
 * @param deadLetters how many were set aside
 * @param complaint why it is not healthy; empty if it is
 */
public record ConsumerStatus(
    State state,
    Optional<String> reason,
    Map<TopicPartition, PartitionStatus> partitions,
    long handled,
    long repeated,
    long deadLetters,
    Optional<String> complaint) {

  /**
   * Whether all is well. It is not if the consumer has ended by itself; if a partition has stopped;
   * or if for some time ({@link RelayedConsumer.Builder#unhealthyAfter}) a partition has had
   * records and none was handled, for whatever reason, or nothing could be read.
   *
   * @return false if an operator should look at it; {@link #complaint()} says why
   */
  public boolean isHealthy() {
    return complaint.isEmpty();
  }

  /** Whether it runs. */
  public enum State {
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
  public enum PartitionState {
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

  /**
   * How a partition fares.
   *
   * @param state what it does
   * @param nextOffset the first that is not handled; empty before anything was read
   * @param attempts how often the record there has failed, alone
   * @param standsFor for how long it has had records and none was handled; zero if it has none
   * @param waitsFor the transaction that has locked its mark, as last seen
   * @param failure at which record it does not go on, and why; empty if it does
   */
  public record PartitionStatus(
      PartitionState state,
      Optional<Long> nextOffset,
      int attempts,
      Duration standsFor,
      Optional<Blocker> waitsFor,
      Optional<String> failure) {

    /**
     * Whether it waits for {@link RelayedConsumer#resume()}.
     *
     * @return true if it has stopped
     */
    public boolean isStopped() {
      return state == PartitionState.STOPPED;
    }
  }
}
