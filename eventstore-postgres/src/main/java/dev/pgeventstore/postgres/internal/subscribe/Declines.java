package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.RecordedEvent;
import java.sql.SQLException;

/**
 * Gives a lane's partition up when this node cannot decode an event: nodes of several builds may
 * run one subscription (docs/adr/0015). For the lane's thread.
 */
final class Declines {

  private final LaneCheckpoint checkpoint;

  Declines(LaneCheckpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  /**
   * Returns if the failure policy is to decide: the handler itself has failed, or no other live
   * node is left that might decode the event.
   *
   * @param event the first one that is not handled
   * @throws DeclinedException if the partition is given up
   * @throws LeaseLostException if it was lost before
   */
  void unlessTheLast(RecordedEvent event, HandlerFailedException failed) throws SQLException {
    long position = event.position().value();
    if (failed.isUndecodable()
        && checkpoint.decline(position, Failure.describe(failed.failure()))) {
      throw new DeclinedException(position, failed.failure());
    }
  }
}
