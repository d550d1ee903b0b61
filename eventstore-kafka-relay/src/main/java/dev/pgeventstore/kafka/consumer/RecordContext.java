package dev.pgeventstore.kafka.consumer;

import java.sql.Connection;

/** One record that a handler is given, and the batch that it came with. Immutable. */
public final class RecordContext {

  private final RelayedRecord record;
  private final RelayedBatch batch;

  RecordContext(RelayedRecord record, RelayedBatch batch) {
    this.record = record;
    this.batch = batch;
  }

  /**
   * The record.
   *
   * @return an event's or a message's
   */
  public RelayedRecord record() {
    return record;
  }

  /**
   * The batch that it came with.
   *
   * @return this record, and perhaps others
   */
  public RelayedBatch batch() {
    return batch;
  }

  /**
   * The connection of the transaction that moves the marks.
   *
   * @return see {@link RelayedBatch#connection()}
   */
  public Connection connection() {
    return batch.connection();
  }

  @Override
  public String toString() {
    return record.toString();
  }
}
