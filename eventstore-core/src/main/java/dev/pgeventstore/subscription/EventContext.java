package dev.pgeventstore.subscription;

import dev.pgeventstore.RecordedEvent;
import java.sql.Connection;

/** One event that a handler is given, and its batch. Immutable. */
public final class EventContext {

  private final RecordedEvent event;
  private final EventBatch batch;

  EventContext(RecordedEvent event, EventBatch batch) {
    this.event = event;
    this.batch = batch;
  }

  /**
   * The event: its position, when it was recorded, and its metadata.
   *
   * @return the stored event
   */
  public RecordedEvent event() {
    return event;
  }

  /**
   * The batch that it is part of.
   *
   * @return this event, and perhaps others
   */
  public EventBatch batch() {
    return batch;
  }

  /**
   * The connection of the transaction that moves the checkpoint.
   *
   * @return see {@link EventBatch#connection()}
   */
  public Connection connection() {
    return batch.connection();
  }

  @Override
  public String toString() {
    return event + " for " + batch.subscription();
  }
}
