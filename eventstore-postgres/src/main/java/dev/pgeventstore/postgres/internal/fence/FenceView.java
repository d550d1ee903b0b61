package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import java.sql.SQLException;
import java.util.List;

/** Where fences are looked at. Not safe for several threads. */
public interface FenceView {

  /** One observation: what was drawn, then the transactions that hold the lock. */
  Observation observe(FenceFunction fence) throws SQLException;

  /**
   * One observation of each fence, in one round trip. It fails as a whole, and soon where one of
   * them waits for a lock: a schema that is locked must not hold up the others.
   */
  List<Observation> observeAll(List<FenceFunction> fences) throws SQLException;

  /**
   * The largest checkpoint: the order is settled at least up to there. It fails soon where it waits
   * for a lock.
   */
  long settled(FenceFunction fence) throws SQLException;

  /** Takes what looking needs, which may take long, unless it has it. */
  default void connect() throws SQLException {}

  /** Whether it has what looking needs: without, a failure says nothing about a schema. */
  default boolean isConnected() {
    return true;
  }

  /** Gives back what looking needs, until it is looked again. */
  void release();
}
