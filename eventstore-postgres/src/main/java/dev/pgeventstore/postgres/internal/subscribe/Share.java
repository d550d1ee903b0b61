package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.subscription.Partitions;

/**
 * One partition of a subscription, as a node has it.
 *
 * @param tenure by what right
 * @param partitions how many there are
 */
record Share(Tenure tenure, int partitions) {

  int partition() {
    return tenure.key().partition();
  }

  boolean has(StreamId stream) {
    return Partitions.of(stream, partitions) == partition();
  }

  @Override
  public String toString() {
    String name = "Subscription " + tenure.key().name();
    return partitions == 1
        ? name
        : "%s, partition %d of %d".formatted(name, partition(), partitions);
  }
}
