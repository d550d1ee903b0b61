package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.SQLException;

/** Where the fence is looked at. Not safe for several threads. */
public interface FenceView {

  /** One observation: what was drawn, then the transactions that hold the lock. */
  Observation observe() throws SQLException;

  /** The largest checkpoint: the order is settled at least up to there. */
  long settled() throws SQLException;

  /** Gives back what looking needs, until it is looked again. */
  void release();
}
