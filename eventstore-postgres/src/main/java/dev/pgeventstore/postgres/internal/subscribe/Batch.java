package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * What a handler is given.
 *
 * @param subscription what it is for
 * @param partition which handles them
 * @param events at least one, in position order
 * @param connection of the transaction
 * @param attempt 1 for the first time
 * @param isReplay whether they were parked
 * @param stopping whether the subscription is being closed
 */
record Batch(
    String subscription,
    int partition,
    List<RecordedEvent> events,
    Connection connection,
    int attempt,
    boolean isReplay,
    BooleanSupplier stopping)
    implements EventBatch {

  @Override
  public boolean isStopping() {
    return stopping.getAsBoolean();
  }
}
