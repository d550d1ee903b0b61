package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/** Says why a consumer is not healthy. */
public final class Complaints {

  private Complaints() {}

  /**
   * What is wrong, if anything is.
   *
   * @param unwellFor for how long nothing could be read
   * @param patience how long that may last, and how long a partition may stand
   */
  public static Optional<String> of(
      State state,
      Optional<String> reason,
      Duration unwellFor,
      Map<TopicPartition, PartitionStatus> partitions,
      Duration patience) {
    if (state == State.CLOSED) {
      return Optional.empty();
    }
    if (state == State.FAILED) {
      return Optional.of("it has ended: " + reason.orElse("without a reason"));
    }
    if (unwellFor.compareTo(patience) > 0) {
      return Optional.of(
          "nothing was read for %d s: %s"
              .formatted(unwellFor.toSeconds(), reason.orElse("Kafka's client does not answer")));
    }
    String standing =
        partitions.entrySet().stream()
            .filter(each -> isBad(each.getValue(), patience))
            .sorted(Comparator.comparing(each -> each.getKey().toString()))
            .map(each -> describe(each.getKey(), each.getValue()))
            .collect(Collectors.joining("; "));
    return standing.isEmpty() ? Optional.empty() : Optional.of(standing);
  }

  private static boolean isBad(PartitionStatus status, Duration patience) {
    return status.isStopped() || status.standsFor().compareTo(patience) > 0;
  }

  private static String describe(TopicPartition partition, PartitionStatus status) {
    String where =
        "%s stands at offset %s for %d s, "
            .formatted(
                partition,
                status.nextOffset().map(Object::toString).orElse("?"),
                status.standsFor().toSeconds());
    String why =
        switch (status.state()) {
          case RUNNING -> "in the handler or the database";
          case WAITING ->
              "waiting"
                  + status
                      .waitsFor()
                      .map(holder -> " for " + LockHolder.describe(holder))
                      .orElse("");
          case RETRYING -> "retrying";
          case STOPPED -> "stopped until it is resumed";
        };
    return where + why + status.failure().map(failure -> ": " + failure).orElse("");
  }
}
