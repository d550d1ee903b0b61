package dev.pgeventstore.kafka.consumer;

/**
 * What a consumer does with its records. A {@link RelayedConsumer} calls it from several threads:
 * for one partition after the other's end, for different partitions at the same time.
 */
@FunctionalInterface
public interface RelayedHandler {

  /**
   * Handles some records. What it writes through the connection commits together with the marks, so
   * it happens exactly once. What it does elsewhere happens at least once.
   *
   * @param batch the records and the transaction
   * @throws Exception if they cannot be handled: the transaction is rolled back
   */
  void handle(RelayedBatch batch) throws Exception;
}
