package dev.pgeventstore.kafka.internal.history;

import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last records that a lane has sent to each partition, in any of the relay's series; or all of
 * them. One consumer reads all partitions side by side, each only as far back as it must: to a
 * record of the lane, or to the end of a window. What lies before the window is not seen
 * (docs/adr/0022).
 *
 * @param settings of the consumer
 * @param relay whose records
 * @param lane of it
 * @param topics that it may have sent to; those that do not exist are passed over
 */
public record PublishedTail(KafkaSettings settings, String relay, int lane, Set<String> topics) {

  private static final Logger LOG = LoggerFactory.getLogger(PublishedTail.class);

  /** How many of the last offsets are read first, and if none is of the lane, next. */
  private static final long[] NEAR = {64, 2_000};

  /** What is committed may stand before a long transaction that was aborted. */
  private static final long[] FAR = {2_000, 50_000};

  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration POLL = Duration.ofMillis(200);

  /**
   * What was sent last, whether or not it was committed. No transaction of other producers, open or
   * hanging, keeps it waiting.
   */
  public List<OwnRecord> sent() {
    try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_UNCOMMITTED)) {
      return read(consumer, ends(consumer), NEAR);
    }
  }

  /**
   * What was committed last.
   *
   * @throws TimeoutException if a transaction is open that hides something
   */
  public List<OwnRecord> committed() {
    return committed(this::isAny);
  }

  /**
   * The same in some partitions.
   *
   * @throws TimeoutException if a transaction is open that hides something
   */
  public List<OwnRecord> committed(Set<TopicPartition> partitions) {
    return committed(partitions::contains);
  }

  /** The same as far as it can be had quickly: empty if nothing of the lane is near the ends. */
  public List<OwnRecord> published() {
    Set<TopicPartition> partitions = new HashSet<>();
    sent().forEach(record -> partitions.add(record.partition()));
    return partitions.isEmpty() ? List.of() : committed(partitions);
  }

  /**
   * All that is committed, from the beginning, in the order of each partition.
   *
   * @param each takes a record; with its key, which it says nothing of itself
   * @return where the partitions begin: behind 0 retention has removed something
   * @throws TimeoutException if a transaction is open that hides something
   */
  public Map<TopicPartition, Long> all(BiConsumer<OwnRecord, byte @Nullable []> each) {
    Map<TopicPartition, Long> ends;
    try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_UNCOMMITTED)) {
      ends = ends(consumer);
    }
    try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_COMMITTED)) {
      Map<TopicPartition, Long> begins = consumer.beginningOffsets(ends.keySet(), PATIENCE);
      read(consumer, begins, ends, each);
      return begins;
    }
  }

  private boolean isAny(TopicPartition partition) {
    return topics.contains(partition.topic());
  }

  private List<OwnRecord> committed(Predicate<TopicPartition> wanted) {
    Map<TopicPartition, Long> ends;
    try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_UNCOMMITTED)) {
      // Those that committed readers are told would be before an open transaction.
      ends = ends(consumer);
    }
    ends.keySet().removeIf(wanted.negate());
    try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_COMMITTED)) {
      return read(consumer, ends, FAR);
    }
  }

  private Consumer<byte[], byte[]> consumer(IsolationLevel level) {
    return settings.clients().consumer(settings.consumer(level));
  }

  private Map<TopicPartition, Long> ends(Consumer<byte[], byte[]> consumer) {
    List<TopicPartition> partitions =
        topics.stream()
            .flatMap(topic -> consumer.partitionsFor(topic, PATIENCE).stream())
            .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
            .toList();
    return new HashMap<>(consumer.endOffsets(partitions, PATIENCE));
  }

  private List<OwnRecord> read(
      Consumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends, long[] windows) {
    Map<TopicPartition, Long> begins = consumer.beginningOffsets(ends.keySet(), PATIENCE);
    List<OwnRecord> found = new ArrayList<>();
    Map<TopicPartition, Long> upTo = new HashMap<>(ends);
    for (long window : windows) {
      upTo.keySet().removeIf(partition -> at(upTo, partition) <= at(begins, partition));
      if (upTo.isEmpty()) {
        break;
      }
      Map<TopicPartition, Long> from = new HashMap<>();
      upTo.forEach(
          (partition, end) ->
              from.put(partition, Math.max(at(begins, partition), at(ends, partition) - window)));
      List<OwnRecord> read = new ArrayList<>();
      read(consumer, from, upTo, (record, key) -> read.add(record));
      read.forEach(record -> upTo.remove(record.partition()));
      upTo.replaceAll((partition, end) -> at(from, partition));
      found.addAll(read);
    }
    return found;
  }

  private void read(
      Consumer<byte[], byte[]> consumer,
      Map<TopicPartition, Long> from,
      Map<TopicPartition, Long> upTo,
      BiConsumer<OwnRecord, byte @Nullable []> each) {
    consumer.assign(from.keySet());
    consumer.resume(from.keySet());
    from.forEach(consumer::seek);
    Set<TopicPartition> left = new HashSet<>(from.keySet());
    long deadline = settings.scheduler().nanoTime() + PATIENCE.toNanos();
    while (!left.isEmpty()) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
        deadline = settings.scheduler().nanoTime() + PATIENCE.toNanos();
        if (record.offset() < at(upTo, new TopicPartition(record.topic(), record.partition()))) {
          own(record).ifPresent(own -> each.accept(own, record.key()));
        }
      }
      List<TopicPartition> done = ended(consumer, left, upTo);
      left.removeAll(done);
      consumer.pause(done);
      if (settings.scheduler().nanoTime() > deadline) {
        throw new TimeoutException(
            "%s could not be read to the end: is a transaction open there?".formatted(left));
      }
    }
  }

  private static List<TopicPartition> ended(
      Consumer<byte[], byte[]> consumer,
      Collection<TopicPartition> partitions,
      Map<TopicPartition, Long> upTo) {
    return partitions.stream()
        .filter(partition -> consumer.position(partition, PATIENCE) >= at(upTo, partition))
        .toList();
  }

  private static long at(Map<TopicPartition, Long> offsets, TopicPartition partition) {
    return Objects.requireNonNull(offsets.get(partition), "an offset of each partition");
  }

  private Optional<OwnRecord> own(ConsumerRecord<byte[], byte[]> raw) {
    try {
      return OwnRecord.of(raw, relay, lane);
    } catch (IllegalArgumentException e) {
      LOG.warn(
          "{}-{} has at offset {} a record that is not the relay's, though it says so: {}",
          raw.topic(),
          raw.partition(),
          raw.offset(),
          e.getMessage());
      return Optional.empty();
    }
  }
}
