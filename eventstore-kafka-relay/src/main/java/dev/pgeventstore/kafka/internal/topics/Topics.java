package dev.pgeventstore.kafka.internal.topics;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.Contact;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** Looks at topics, and creates the one that is the relay's own. */
public final class Topics implements AutoCloseable {

  /** A broker that has just started may not know of all topics yet. */
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private static final Duration PAUSE = Duration.ofMillis(200);

  private final KafkaSettings settings;
  private final Contact contact;
  private final Admin admin;
  private final StopSignal stop;
  private final Scheduler scheduler;
  private volatile boolean answered;

  public Topics(KafkaSettings settings, StopSignal stop) {
    this(settings, stop, Contact.once());
  }

  public Topics(KafkaSettings settings, StopSignal stop, Contact contact) {
    this.settings = settings;
    this.scheduler = settings.scheduler();
    this.contact = contact;
    this.admin = contact.take(settings);
    this.stop = stop;
  }

  /** A topic that should exist; none if it still does not after a while. */
  public Optional<TopicLayout> await(String topic) throws InterruptedException {
    long deadline = scheduler.nanoTime() + PATIENCE.toNanos();
    Optional<TopicLayout> found = find(topic);
    while (found.isEmpty() && scheduler.nanoTime() < deadline && !stop.isRequested()) {
      stop.pause(PAUSE);
      found = find(topic);
    }
    return found;
  }

  /** A topic as it is now; none if it does not exist. */
  public Optional<TopicLayout> find(String topic) throws InterruptedException {
    try {
      TopicDescription description =
          answer(admin.describeTopics(List.of(topic)).topicNameValues().get(topic));
      settings.leadersAre(leaders(description));
      return Optional.of(
          new TopicLayout(description.partitions().size(), description.topicId().toString()));
    } catch (UnknownTopicOrPartitionException e) {
      return Optional.empty();
    }
  }

  private static Set<String> leaders(TopicDescription description) {
    return description.partitions().stream()
        .map(TopicPartitionInfo::leader)
        .filter(leader -> leader != null && !leader.isEmpty())
        .map(
            leader ->
                (leader.host().contains(":") ? "[%s]:%d" : "%s:%d")
                    .formatted(leader.host(), leader.port()))
        .collect(Collectors.toSet());
  }

  /** The most bytes of a batch that the broker takes for a topic. */
  int maxMessageBytes(String topic) throws InterruptedException {
    String bytes = setting(topic, TopicConfig.MAX_MESSAGE_BYTES_CONFIG);
    return bytes == null ? Integer.MAX_VALUE : Integer.parseInt(bytes);
  }

  /**
   * Whether anything was ever sent to a topic, even if it was aborted or is deleted by now. The
   * leaders of all its partitions are asked.
   */
  public boolean wasWrittenTo(String topic, int partitions) throws InterruptedException {
    List<TopicPartition> all =
        IntStream.range(0, partitions)
            .mapToObj(partition -> new TopicPartition(topic, partition))
            .toList();
    return ends(all).values().stream().anyMatch(end -> end > 0);
  }

  /** The ends of partitions, behind open transactions too. */
  public Map<TopicPartition, Long> ends(Collection<TopicPartition> partitions)
      throws InterruptedException {
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    partitions.forEach(partition -> latest.put(partition, OffsetSpec.latest()));
    Map<TopicPartition, Long> ends = new HashMap<>();
    answer(admin.listOffsets(latest, new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED)).all())
        .forEach((partition, end) -> ends.put(partition, end.offset()));
    return ends;
  }

  boolean isCompactedOnly(String topic) throws InterruptedException {
    return TopicConfig.CLEANUP_POLICY_COMPACT.equals(
        setting(topic, TopicConfig.CLEANUP_POLICY_CONFIG));
  }

  private @Nullable String setting(String topic, String name) throws InterruptedException {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    Config config = answer(admin.describeConfigs(List.of(resource)).values().get(resource));
    ConfigEntry entry = config.get(name);
    return entry == null ? null : entry.value();
  }

  /** Creates a compacted topic, replicated as the cluster's default says, if it is not there. */
  void createCompacted(String topic, int partitions) throws InterruptedException {
    NewTopic wanted =
        new NewTopic(topic, Optional.of(partitions), Optional.empty())
            .configs(
                Map.of(
                    TopicConfig.CLEANUP_POLICY_CONFIG,
                    TopicConfig.CLEANUP_POLICY_COMPACT,
                    // Only closed segments are compacted, and all that is left is read when a relay
                    // takes over.
                    TopicConfig.SEGMENT_BYTES_CONFIG,
                    Integer.toString(16 * 1024 * 1024),
                    TopicConfig.MIN_CLEANABLE_DIRTY_RATIO_CONFIG,
                    "0.05"));
    try {
      answer(admin.createTopics(List.of(wanted)).all());
    } catch (TopicExistsException e) {
      // Another relay was faster.
    }
  }

  private <T> T answer(@Nullable KafkaFuture<T> future) throws InterruptedException {
    try {
      T answer =
          scheduler.await(Objects.requireNonNull(future, "an answer for each thing asked for"));
      answered = true;
      return answer;
    } catch (ExecutionException e) {
      answered |= !(e.getCause() instanceof TimeoutException);
      if (e.getCause() instanceof AuthenticationException) {
        contact.refused();
      }
      if (e.getCause() instanceof KafkaException kafka) {
        throw kafka;
      }
      throw new KafkaException(e.getCause());
    }
  }

  @Override
  public void close() {
    contact.giveBack(admin, answered);
  }
}
