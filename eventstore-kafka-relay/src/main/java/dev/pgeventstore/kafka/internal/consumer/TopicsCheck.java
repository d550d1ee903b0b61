package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks now and then whether the topics exist that a consumer reads: from one that does not nothing
 * comes, and Kafka's client says so in its log at most. For the loop's thread.
 */
final class TopicsCheck {

  private static final Logger LOG = LoggerFactory.getLogger(TopicsCheck.class);

  private static final Duration EACH = Duration.ofSeconds(10);
  private static final Duration WHILE_MISSING = Duration.ofSeconds(1);
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Scheduler scheduler;
  private final List<String> topics;
  private Optional<String> missing = Optional.empty();
  private long next;

  TopicsCheck(Scheduler scheduler, List<String> topics) {
    this.scheduler = scheduler;
    this.next = scheduler.nanoTime();
    this.topics = List.copyOf(topics);
  }

  /** What is missing, in words, as last seen. */
  Optional<String> missing(Consumer<byte[], byte[]> consumer) {
    if (scheduler.nanoTime() - next >= 0) {
      look(consumer);
      next = scheduler.nanoTime() + Durations.nanos(missing.isPresent() ? WHILE_MISSING : EACH);
    }
    return missing;
  }

  private void look(Consumer<byte[], byte[]> consumer) {
    try {
      Optional<String> before = missing;
      missing =
          topics.stream()
              .filter(topic -> consumer.partitionsFor(topic, PATIENCE).isEmpty())
              .findFirst()
              .map(
                  "topic %s does not exist: nothing is read from it until it is created"
                      ::formatted);
      if (missing.isPresent() && !missing.equals(before)) {
        LOG.warn("{}", missing.get());
      }
    } catch (KafkaException e) {
      LOG.debug("The topics cannot be looked at", e);
    }
  }
}
