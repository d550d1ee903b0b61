package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.Connections;
import java.sql.SQLException;
import java.time.Duration;

/** For what needs no connection for what it asks. */
final class NoDatabase implements Connections {
  @Override
  public <T> T use(Work<T> work) throws SQLException {
    return work.on(null);
  }

  @Override
  public <T> T inTransaction(Work<T> work) throws SQLException {
    return work.on(null);
  }

  @Override
  public <T> T inTransactionRolledBack(Work<T> work) throws SQLException {
    return work.on(null);
  }

  @Override
  public Connections within(Duration patience) {
    return this;
  }
}
