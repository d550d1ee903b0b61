package dev.pgeventstore.kafka.consumer;

import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;

/**
 * What a consumer does just now.
 *
 * @param state whether it runs
 * @param reason why it failed, or cannot reach Kafka
 * @param partitions those it has, and how each of them fares
 * @param handled how many records were handled since it was started
 * @param repeated how many had been handled before, and were dropped
 * @param deadLetters how many were set aside
 */
public record ConsumerStatus(
    State state,
    Optional<String> reason,
    Map<TopicPartition, PartitionStatus> partitions,
    long handled,
    long repeated,
    long deadLetters) {

  /** Whether it runs. */
  public enum State {
    /** It reads. */
    RUNNING,
    /** It was closed. */
    CLOSED,
    /** It has ended by itself. */
    FAILED
  }

  /**
   * How a partition fares.
   *
   * @param nextOffset the first that is not handled; empty before anything was
   * @param attempts how often the record there has failed, alone
   * @param isStopped whether it waits for {@link RelayedConsumer#resume()}
   * @param failure at which record it does not go on, and why; empty if it does
   */
  public record PartitionStatus(
      Optional<Long> nextOffset, int attempts, boolean isStopped, Optional<String> failure) {}
}
