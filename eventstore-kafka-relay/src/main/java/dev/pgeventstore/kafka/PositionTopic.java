package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * Where a relay's lanes have come to: a compacted topic with a partition for each lane, written in
 * the transactions that send the events. Consumer group offsets would do the same, but expire.
 */
final class PositionTopic {

  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration POLL = Duration.ofMillis(200);

  private final String name;
  private final int lanes;
  private final String target;

  PositionTopic(String name, int lanes, String target) {
    this.name = name;
    this.lanes = lanes;
    this.target = target;
  }

  String name() {
    return name;
  }

  /**
   * Sees to it that the topic is there and fit.
   *
   * @throws RelayHaltedException if it is missing although the target was written to, or is not fit
   */
  void require(Topics topics, int targetPartitions, boolean mayStartAnew)
      throws InterruptedException {
    // In this order: another relay creates this topic before it writes to the target.
    boolean written = topics.wasWrittenTo(target, targetPartitions);
    Optional<Integer> partitions = written ? topics.awaitPartitions(name) : topics.partitions(name);
    if (partitions.isEmpty()) {
      if (written && !mayStartAnew) {
        throw lost("is missing");
      }
      topics.createCompacted(name, lanes);
      return;
    }
    if (partitions.get() != lanes) {
      throw new RelayHaltedException(
          "position topic %s has %d partitions, but the relay has %d lanes and needs one for each"
              .formatted(name, partitions.get(), lanes));
    }
    if (!topics.isCompactedOnly(name)) {
      throw new RelayHaltedException(
          "position topic %s would lose positions: set its cleanup.policy to compact, and nothing else"
              .formatted(name));
    }
  }

  RelayHaltedException lost(String how) {
    return new RelayHaltedException(
        "position topic %s %s, but topic %s was written to: starting at the first event would repeat what is there. If the position topic was lost, bring it back, or find the last event of this store in the topic and start after its es_position with startAfter(…). If the records are somebody else's, start with startAfter(Position.START)."
            .formatted(name, how, target));
  }

  /**
   * Reads where a lane has come to. To be called when the producer has been initialised: from then
   * on nobody else can move it.
   *
   * @return the position if there is one, and what was last sent to each partition
   * @throws TimeoutException if not everything could be read that was written before this call
   */
  Content read(Topics topics, KafkaSettings settings, int lane) throws InterruptedException {
    TopicPartition partition = new TopicPartition(name, lane);
    // The end that committed readers are told would be before an open transaction: going by that
    // would take an old position for the last one.
    long end = topics.end(partition);
    Map<String, String> latest = new HashMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings.consumer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (consumer.position(partition, PATIENCE) < end) {
        if (System.nanoTime() > deadline) {
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
    return content(latest, lane);
  }

  private Content content(Map<String, String> latest, int lane) {
    Map<Integer, RecordPlace> lastSent = new HashMap<>();
    String prefix = lastSentKey(lane, "");
    latest.forEach(
        (key, value) -> {
          if (key.startsWith(prefix)) {
            lastSent.put(
                Integer.parseInt(key.substring(prefix.length())), RecordPlace.parse(value));
          }
        });
    return new Content(
        Optional.ofNullable(latest.get(positionKey(lane))).map(LanePosition::parse), lastSent);
  }

  ProducerRecord<byte[], byte[]> position(int lane, LanePosition position) {
    return new ProducerRecord<>(
        name, lane, positionKey(lane).getBytes(UTF_8), position.format().getBytes(UTF_8));
  }

  ProducerRecord<byte[], byte[]> lastSent(int lane, int partition, RecordPlace place) {
    return new ProducerRecord<>(
        name,
        lane,
        lastSentKey(lane, Integer.toString(partition)).getBytes(UTF_8),
        place.toString().getBytes(UTF_8));
  }

  private static String positionKey(int lane) {
    return "lane/" + lane;
  }

  private String lastSentKey(int lane, String partition) {
    return "lane/" + lane + '/' + target + '/' + partition;
  }

  /**
   * What the topic says of a lane.
   *
   * @param position where it has come to, if it ever ran
   * @param lastSent to each partition of the target
   */
  record Content(Optional<LanePosition> position, Map<Integer, RecordPlace> lastSent) {}
}
