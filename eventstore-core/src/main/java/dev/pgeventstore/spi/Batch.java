package dev.pgeventstore.spi;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * What a handler is given. Immutable.
 *
 * @param subscription what it is for
 * @param partition which handles them
 * @param events at least one, in position order
 * @param connection of the transaction
 * @param attempt 1 for the first time
 * @param isReplay whether they were parked
 * @param stopping whether the subscription is being closed
 */
public record Batch(
    String subscription,
    int partition,
    List<RecordedEvent> events,
    Connection connection,
    int attempt,
    boolean isReplay,
    BooleanSupplier stopping)
    implements EventBatch {

  /**
   * Events of no subscription, which are handled once.
   *
   * @param table what they are written to
   * @param events at least one, in position order
   * @param connection of the transaction
   * @return the batch
   */
  public static Batch once(String table, List<RecordedEvent> events, Connection connection) {
    return new Batch(table, 0, events, connection, 1, false, () -> false);
  }

  @Override
  public boolean isStopping() {
    return stopping.getAsBoolean();
  }
}
