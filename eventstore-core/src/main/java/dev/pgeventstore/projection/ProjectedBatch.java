package dev.pgeventstore.projection;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;
import java.util.List;

/**
 * Events that a definition is given once, outside of a subscription.
 *
 * @param subscription the table that they are written to
 * @param events at least one, in position order
 * @param connection of the transaction
 */
record ProjectedBatch(String subscription, List<RecordedEvent> events, Connection connection)
    implements EventBatch {

  @Override
  public int partition() {
    return 0;
  }

  @Override
  public int attempt() {
    return 1;
  }

  @Override
  public boolean isReplay() {
    return false;
  }

  @Override
  public boolean isStopping() {
    return false;
  }
}
