package dev.pgeventstore.kafka.consumer;

import java.sql.Connection;
import java.util.List;

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
   * @param records at least one, all new, each sequence's in its order
   * @param connection of the transaction that moves the marks. It refuses to commit, roll back or
   *     close; savepoints work. On PostgreSQL a handler that ends the transaction by other means
   *     has failed, and no mark moves
   * @throws Exception if they cannot be handled: the transaction is rolled back
   */
  void handle(List<RelayedRecord> records, Connection connection) throws Exception;
}
