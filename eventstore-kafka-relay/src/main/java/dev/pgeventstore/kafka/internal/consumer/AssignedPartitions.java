package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The partitions that are a consumer's, with the work of each and its offset. For the loop's
 * thread, but for {@link #statuses} and {@link #resume}.
 */
final class AssignedPartitions implements ConsumerRebalanceListener {

  private static final Logger LOG = LoggerFactory.getLogger(AssignedPartitions.class);

  /** What has begun may end while partitions are taken away: the whole group waits for that. */
  private static final Duration FOR_REVOKED = Duration.ofSeconds(3);

  private final Scheduler scheduler;
  private final String group;
  private final Supplier<Consumer<byte[], byte[]>> consumer;
  private final BooleanSupplier isClosing;
  private final Supplier<PartitionWork> works;
  private final Offsets offsets;
  private final Map<TopicPartition, PartitionWork> partitions = new ConcurrentHashMap<>();

  /**
   * @param consumer the client, which may become another one
   * @param isClosing whether the loop is at its end: then it has waited for what had begun
   * @param works makes the work of a partition
   */
  AssignedPartitions(
      Scheduler scheduler,
      String group,
      Supplier<Consumer<byte[], byte[]>> consumer,
      BooleanSupplier isClosing,
      Supplier<PartitionWork> works) {
    this.scheduler = scheduler;
    this.group = group;
    this.consumer = consumer;
    this.isClosing = isClosing;
    this.works = works;
    this.offsets = new Offsets(group);
  }

  /** Lets those go on that have waited, and reads those again that have room. */
  void goOn() {
    partitions.forEach(
        (partition, work) -> {
          work.goOn();
          if (consumer.get().paused().contains(partition) && !work.isFull()) {
            consumer.get().resume(List.of(partition));
          }
        });
  }

  void take(ConsumerRecords<byte[], byte[]> polled) {
    for (TopicPartition partition : polled.partitions()) {
      take(partition, polled.records(partition));
    }
  }

  private void take(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    PartitionWork work = partitions.computeIfAbsent(partition, none -> works.get());
    work.add(records);
    if (work.isFull()) {
      consumer.get().pause(List.of(partition));
    }
    work.goOn();
  }

  /** Commits new offsets, and does not wait for it. */
  void commit() {
    offsets.commit(consumer.get(), partitions);
  }

  /** Commits all offsets. */
  void commitNow() {
    offsets.commitNow(consumer.get(), partitions);
  }

  void resume() {
    partitions.values().forEach(PartitionWork::resume);
  }

  Map<TopicPartition, PartitionStatus> statuses() {
    Map<TopicPartition, PartitionStatus> all = new HashMap<>();
    partitions.forEach((partition, work) -> all.put(partition, work.status()));
    return Map.copyOf(all);
  }

  /** They are not this consumer's any more. */
  void abandonAll() {
    abandon(partitions.keySet());
  }

  private void abandon(Collection<TopicPartition> gone) {
    gone.forEach(
        partition -> {
          PartitionWork work = partitions.get(partition);
          if (work != null) {
            work.abandon();
          }
        });
  }

  void forgetAll() {
    partitions.clear();
    offsets.forgetAll();
  }

  private void forget(Collection<TopicPartition> gone) {
    partitions.keySet().removeAll(gone);
    offsets.forget(gone);
  }

  /** Waits for what has begun; returns those of which something goes on. */
  List<TopicPartition> awaitEnd(Duration atMost) {
    return awaitEnd(Set.copyOf(partitions.keySet()), atMost);
  }

  private List<TopicPartition> awaitEnd(Collection<TopicPartition> of, Duration atMost) {
    long deadline = scheduler.nanoTime() + Durations.nanos(atMost);
    return of.stream()
        .filter(
            partition -> {
              PartitionWork work = partitions.get(partition);
              return work != null && !hasEnded(work, deadline);
            })
        .toList();
  }

  private static boolean hasEnded(PartitionWork work, long deadline) {
    while (true) {
      try {
        return work.awaitEnd(deadline);
      } catch (InterruptedException e) {
        LOG.debug("A wait was interrupted, and goes on", e);
      }
    }
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> come) {
    come.forEach(partition -> partitions.put(partition, works.get()));
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> gone) {
    if (isClosing.getAsBoolean()) {
      return; // What had begun was waited for, and its offsets are committed.
    }
    abandon(gone);
    List<TopicPartition> unfinished = awaitEnd(gone, FOR_REVOKED);
    if (!unfinished.isEmpty()) {
      LOG.warn(
          "consumer {} gives up {}, of which records are still being handled: their next owner waits for that",
          group,
          unfinished);
    }
    Map<TopicPartition, PartitionWork> last = new HashMap<>(partitions);
    last.keySet().retainAll(gone);
    offsets.commitNow(consumer.get(), last);
    forget(gone);
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> gone) {
    abandon(gone);
    forget(gone);
  }
}
