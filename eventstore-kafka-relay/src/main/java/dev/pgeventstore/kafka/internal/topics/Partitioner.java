package dev.pgeventstore.kafka.internal.topics;

import org.apache.kafka.common.utils.Utils;

/**
 * Which partition a key belongs to: that of Kafka's default partitioner, but over a count that is
 * frozen when the relay first runs. A topic may be given more partitions; a stream must not move to
 * another one, or its order is lost.
 *
 * @param partitions 1 or more
 */
public record Partitioner(int partitions) {

  public int partition(byte[] key) {
    return Utils.toPositive(Utils.murmur2(key)) % partitions;
  }
}
