package dev.pgeventstore.kafka.internal.verify;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.StopSignal;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.history.SentRecord;
import dev.pgeventstore.kafka.internal.topics.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * All partitions that a lane has sent to, read side by side: each as far as it is wanted, and a
 * little further. What is held is bounded, however long the partitions are. For one thread.
 */
final class PartitionCursors implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long MOST_BYTES = 16L * 1024 * 1024;

  private final VerificationPlan.Lane lane;
  private final Scheduler scheduler;
  private final Consumer<byte[], byte[]> consumer;
  private final Map<TopicPartition, PartitionCursor> cursors = new HashMap<>();
  private final BiConsumer<ConsumerRecord<byte[], byte[]>, String> unreadable;
  private long bytes;
  private long others;

  /**
   * Begins at the beginning.
   *
   * @param unreadable told of records that say they are the lane's, and do not say what they are
   */
  PartitionCursors(
      KafkaSettings settings,
      VerificationPlan.Lane lane,
      BiConsumer<ConsumerRecord<byte[], byte[]>, String> unreadable)
      throws InterruptedException {
    this.lane = lane;
    this.unreadable = unreadable;
    this.scheduler = settings.scheduler();
    this.consumer = settings.clients().consumer(modest(settings.consumer()));
    List<TopicPartition> partitions = new ArrayList<>();
    for (String topic : lane.partitions().keySet()) {
      for (PartitionInfo info : consumer.partitionsFor(topic)) {
        partitions.add(new TopicPartition(topic, info.partition()));
      }
    }
    // Those that readers of committed records get would be before an open transaction.
    Map<TopicPartition, Long> ends;
    try (Topics topics = new Topics(settings, new StopSignal(scheduler))) {
      ends = topics.ends(partitions);
    }
    Map<TopicPartition, Long> beginnings = consumer.beginningOffsets(partitions);
    for (TopicPartition partition : partitions) {
      cursors.put(
          partition,
          new PartitionCursor(
              partition, beginnings.getOrDefault(partition, 0L), ends.getOrDefault(partition, 0L)));
    }
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
  }

  private static Map<String, Object> modest(Map<String, Object> settings) {
    settings.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 512 * 1024);
    settings.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 8 * 1024 * 1024);
    settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 1_000);
    // What retention removes under the reader is to be noticed.
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    return settings;
  }

  /** What stands in a partition; null if there is no such partition. */
  @Nullable PartitionCursor cursor(String topic, int partition) {
    return cursors.get(new TopicPartition(topic, partition));
  }

  Iterable<PartitionCursor> all() {
    return cursors.values();
  }

  /** Records in these partitions that are not of the lane's relay, or not of its order. */
  long others() {
    return others;
  }

  /** The next record of a partition; null at its end. Waits for it. */
  @Nullable SentRecord next(PartitionCursor cursor) {
    long deadline = scheduler.nanoTime() + PATIENCE.toNanos();
    while (cursor.isEmpty() && !cursor.hasEnded()) {
      if (poll()) {
        deadline = scheduler.nanoTime() + PATIENCE.toNanos();
      } else if (scheduler.nanoTime() > deadline) {
        throw new TimeoutException(
            "%s could be read up to offset %d only, not up to %d: is a transaction open there?"
                .formatted(cursor.partition, consumer.position(cursor.partition), cursor.end));
      }
    }
    return cursor.peek();
  }

  /** Takes the next record of a partition. */
  PartitionCursor.Succession take(PartitionCursor cursor) {
    SentRecord next = cursor.peek();
    bytes -= next == null ? 0 : next.bytes();
    return cursor.take();
  }

  private boolean poll() {
    pauseTheFull();
    boolean moved = false;
    try {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
      moved = !records.isEmpty();
      for (ConsumerRecord<byte[], byte[]> raw : records) {
        take(raw);
      }
    } catch (OffsetOutOfRangeException e) {
      consumer.seekToBeginning(e.partitions());
      e.partitions().forEach(partition -> require(partition).cut());
    }
    for (PartitionCursor cursor : cursors.values()) {
      if (!cursor.hasEnded() && consumer.position(cursor.partition) >= cursor.end) {
        cursor.ended();
        moved = true;
      }
    }
    return moved;
  }

  private void pauseTheFull() {
    List<TopicPartition> paused = new ArrayList<>();
    List<TopicPartition> read = new ArrayList<>();
    for (PartitionCursor cursor : cursors.values()) {
      boolean enough = cursor.isFull() || (bytes > MOST_BYTES && !cursor.isEmpty());
      (enough || cursor.hasEnded() ? paused : read).add(cursor.partition);
    }
    Set<TopicPartition> before = consumer.paused();
    paused.removeAll(before);
    read.retainAll(before);
    consumer.pause(paused);
    consumer.resume(read);
  }

  private void take(ConsumerRecord<byte[], byte[]> raw) {
    PartitionCursor cursor = require(new TopicPartition(raw.topic(), raw.partition()));
    if (raw.offset() >= cursor.end) {
      return;
    }
    if (!SentRecord.isOf(raw, lane.series())) {
      others++;
      return;
    }
    if (!SentRecord.isOf(raw, lane.number())) {
      return;
    }
    try {
      SentRecord record = SentRecord.of(raw);
      if (!record.place().position().isAfter(lane.position())) {
        cursor.add(record);
        bytes += record.bytes();
      }
    } catch (IllegalArgumentException e) {
      unreadable.accept(raw, e.toString());
    }
  }

  private PartitionCursor require(TopicPartition partition) {
    PartitionCursor cursor = cursors.get(partition);
    if (cursor == null) {
      throw new IllegalStateException(partition + " was not asked for");
    }
    return cursor;
  }

  @Override
  public void close() {
    consumer.close();
  }
}
