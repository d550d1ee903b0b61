package dev.pgeventstore.kafka.consumer;

import java.sql.Connection;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;

/**
 * Some records that a handler is given, and the transaction that they are handled in. For the
 * thread that the handler was called by, until the handler returns. Applications implement it in
 * tests only; it may get more methods.
 */
public interface RelayedBatch extends Iterable<RelayedRecord> {

  /**
   * The records.
   *
   * @return at least one, all new, each sequence's in its order; unmodifiable
   */
  List<RelayedRecord> records();

  /**
   * The connection of the transaction that moves the marks. It refuses to commit, roll back or
   * close; savepoints work. On PostgreSQL a handler that ends the transaction by other means has
   * failed, and no mark moves.
   *
   * @return of no use after the handler has returned
   */
  Connection connection();

  /**
   * The group that handles them.
   *
   * @return the inbox's
   */
  String group();

  /**
   * Where they were read.
   *
   * @return one partition if a {@link RelayedConsumer} calls the handler. Of dead letters it is
   *     where the records were before they were set aside, and there may be several
   */
  Set<TopicPartition> partitions();

  /**
   * How often these records have been handed to the handler by this consumer since it was assigned
   * the partition, as far as it knows.
   *
   * @return 1 for the first time; more only for a single record that failed before; always 1 if an
   *     inbox is called in a loop of one's own
   */
  int attempt();

  /**
   * Whether the consumer is being closed, or the partition was taken away from it. A handler whose
   * work is long may throw then: the transaction is rolled back, and the records are handled again
   * by the next owner of the partition.
   *
   * @return as of now; always false if an inbox is called in a loop of one's own
   */
  boolean isStopping();

  @Override
  default Iterator<RelayedRecord> iterator() {
    return records().iterator();
  }
}
