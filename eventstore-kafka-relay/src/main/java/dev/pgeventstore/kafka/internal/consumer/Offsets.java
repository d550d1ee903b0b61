package dev.pgeventstore.kafka.internal.consumer;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Commits the offsets behind what was handled. That may fail: the marks have it, and what is read
 * again is dropped. For the loop's thread.
 */
final class Offsets {

  private static final Logger LOG = LoggerFactory.getLogger(Offsets.class);
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final String group;
  private final Map<TopicPartition, Long> sent = new HashMap<>();

  Offsets(String group) {
    this.group = group;
  }

  /** Commits what is new, and does not wait for it. */
  void commit(Consumer<byte[], byte[]> consumer, Map<TopicPartition, PartitionWork> partitions) {
    Map<TopicPartition, OffsetAndMetadata> offsets = unsent(partitions);
    if (offsets.isEmpty()) {
      return;
    }
    offsets.forEach((partition, offset) -> sent.put(partition, offset.offset()));
    consumer.commitAsync(
        offsets,
        (committed, failure) -> {
          if (failure != null) {
            LOG.debug("consumer {} cannot commit offsets", group, failure);
            // Again, by the next call, unless there are later ones by then.
            committed.forEach((partition, offset) -> sent.remove(partition, offset.offset()));
          }
        });
  }

  /** Commits what is new, before the partitions are given up. */
  void commitNow(Consumer<byte[], byte[]> consumer, Map<TopicPartition, PartitionWork> partitions) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    partitions.forEach(
        (partition, work) ->
            work.reached()
                .ifPresent(offset -> offsets.put(partition, new OffsetAndMetadata(offset))));
    if (offsets.isEmpty()) {
      return;
    }
    try {
      commitUnlessWoken(consumer, offsets);
    } catch (KafkaException e) {
      LOG.debug("consumer {} cannot commit its last offsets", group, e);
    }
  }

  /** A partition that had room again may have woken the client. That is so once. */
  private void commitUnlessWoken(
      Consumer<byte[], byte[]> consumer, Map<TopicPartition, OffsetAndMetadata> offsets) {
    try {
      consumer.commitSync(offsets, PATIENCE);
    } catch (KafkaException e) {
      LOG.debug("consumer {} tries to commit its last offsets again", group, e);
      consumer.commitSync(offsets, PATIENCE);
    }
  }

  private Map<TopicPartition, OffsetAndMetadata> unsent(
      Map<TopicPartition, PartitionWork> partitions) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    partitions.forEach(
        (partition, work) ->
            work.reached()
                .ifPresent(
                    offset -> {
                      if (sent.getOrDefault(partition, -1L) != offset) {
                        offsets.put(partition, new OffsetAndMetadata(offset));
                      }
                    }));
    return offsets;
  }

  void forgetAll() {
    sent.clear();
  }

  void forget(Collection<TopicPartition> gone) {
    sent.keySet().removeAll(gone);
  }
}
