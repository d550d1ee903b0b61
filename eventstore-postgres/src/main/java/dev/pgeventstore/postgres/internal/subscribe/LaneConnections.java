package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.Connections;
import java.sql.SQLException;
import java.time.Duration;

/**
 * The connections of a lane. Who waits for its end is told when it waits for one: a pool may have
 * none to give. For the lane's thread.
 */
record LaneConnections(Connections connections, Progress progress) implements Connections {

  @Override
  public <T> T use(Work<T> work) throws SQLException {
    progress.asksPool(true);
    try {
      return connections.use(given(work));
    } finally {
      progress.asksPool(false);
    }
  }

  @Override
  public <T> T inTransaction(Work<T> work) throws SQLException {
    progress.asksPool(true);
    try {
      return connections.inTransaction(given(work));
    } finally {
      progress.asksPool(false);
    }
  }

  @Override
  public <T> T inTransactionRolledBack(Work<T> work) throws SQLException {
    progress.asksPool(true);
    try {
      return connections.inTransactionRolledBack(given(work));
    } finally {
      progress.asksPool(false);
    }
  }

  private <T> Work<T> given(Work<T> work) {
    return connection -> {
      progress.asksPool(false);
      return work.on(connection);
    };
  }

  @Override
  public Connections within(Duration patience) {
    return new LaneConnections(connections.within(patience), progress);
  }
}
