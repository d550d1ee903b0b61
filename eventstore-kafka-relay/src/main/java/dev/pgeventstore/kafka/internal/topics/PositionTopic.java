package dev.pgeventstore.kafka.internal.topics;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.TopicLayout;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * What a relay's lanes have noted: a compacted topic with a partition for each lane, written in the
 * transactions that send the records. Consumer group offsets would keep a position too, but expire.
 * Each lane has a partition because an open transaction of another one would hide its end.
 */
public final class PositionTopic {

  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration POLL = Duration.ofMillis(200);

  private final String name;
  private final int lanes;
  private final String target;

  public PositionTopic(String name, int lanes, String target) {
    this.name = name;
    this.lanes = lanes;
    this.target = target;
  }

  public String name() {
    return name;
  }

  /**
   * Sees to it that the topic is there and fit.
   *
   * @param creation is asked before it is created, and throws if it must not be
   * @throws RelayHaltedException if it is not fit
   */
  public void require(Topics topics, int targetPartitions, Creation creation)
      throws InterruptedException {
    // In this order: another relay creates this topic before it writes to the target.
    boolean written = topics.wasWrittenTo(target, targetPartitions);
    Optional<TopicLayout> found = written ? topics.await(name) : topics.find(name);
    if (found.isEmpty()) {
      creation.require(written);
      topics.createCompacted(name, lanes);
      return;
    }
    if (found.get().partitions() != lanes) {
      throw new RelayHaltedException(
          "position topic %s has %d partitions, but the relay has %d lanes and needs one for each"
              .formatted(name, found.get().partitions(), lanes));
    }
    if (!topics.isCompactedOnly(name)) {
      throw new RelayHaltedException(
          "position topic %s would lose positions: set its cleanup.policy to compact, and nothing else"
              .formatted(name));
    }
  }

  /**
   * Reads what a lane has noted. To be called when the producer has been initialised: from then on
   * no other process can change it.
   *
   * @throws TimeoutException if not everything could be read that was written before this call
   */
  public LaneNotes read(Topics topics, KafkaSettings settings, int lane)
      throws InterruptedException {
    TopicPartition partition = new TopicPartition(name, lane);
    // The end that readers of committed records get would be before an open transaction: going by
    // that
    // would take an old position for the last one.
    long end =
        Objects.requireNonNull(
            topics.ends(List.of(partition)).get(partition), "an end of the topic");
    Map<String, String> latest = new HashMap<>();
    Scheduler scheduler = settings.scheduler();
    try (Consumer<byte[], byte[]> consumer = settings.clients().consumer(settings.consumer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadline = scheduler.nanoTime() + PATIENCE.toNanos();
      while (consumer.position(partition, PATIENCE) < end) {
        if (scheduler.nanoTime() > deadline) {
          throw new TimeoutException(
              "%s could be read up to offset %d only, not up to %d: is a transaction open there?"
                  .formatted(partition, consumer.position(partition, PATIENCE), end));
        }
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
          if (record.value() == null) {
            latest.remove(new String(record.key(), UTF_8));
          } else {
            latest.put(new String(record.key(), UTF_8), new String(record.value(), UTF_8));
          }
        }
      }
    }
    String prefix = prefix(lane);
    Map<String, String> notes = new HashMap<>();
    latest.forEach(
        (key, text) -> {
          if (key.startsWith(prefix)) {
            notes.put(key.substring(prefix.length()), text);
          }
        });
    return new LaneNotes(notes);
  }

  /** The record that changes a note; one without text removes it. */
  public ProducerRecord<byte[], byte[]> note(int lane, String note, @Nullable String text) {
    return new ProducerRecord<>(
        name,
        lane,
        (prefix(lane) + note).getBytes(UTF_8),
        text == null ? null : text.getBytes(UTF_8));
  }

  /** Whether the topic may be created. */
  public interface Creation {
    void require(boolean targetIsWritten) throws InterruptedException;
  }

  private static String prefix(int lane) {
    return "lane/" + lane + '/';
  }
}
