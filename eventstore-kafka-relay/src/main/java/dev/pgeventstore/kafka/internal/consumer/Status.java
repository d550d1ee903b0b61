package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.kafka.consumer.ConsumerStatus;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;

/** What a consumer does just now. */
public record Status(
    State state,
    Optional<String> reason,
    Map<TopicPartition, PartitionStatus> partitions,
    long handled,
    long repeated,
    long deadLetters,
    Optional<String> complaint)
    implements ConsumerStatus {

  /** How a partition fares. */
  record OfPartition(
      PartitionState state,
      Optional<Long> nextOffset,
      int attempts,
      Duration standsFor,
      Optional<Blocker> waitsFor,
      Optional<String> failure)
      implements PartitionStatus {}
}
