package dev.pgeventstore.testkit;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.util.List;
import java.util.function.BooleanSupplier;

/** The batch that a handler receives. */
record HandedBatch(
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
