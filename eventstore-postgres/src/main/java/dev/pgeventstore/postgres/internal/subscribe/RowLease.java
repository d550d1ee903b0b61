package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.feed.Lease;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A lease kept in a row, so that it needs no session of its own and passes through any pooler. */
record RowLease(
    Connections connections,
    SubscriptionsTable table,
    SubscriptionsTable.Key key,
    String owner,
    long epoch,
    Duration ttl)
    implements Lease {

  @Override
  public boolean renew() {
    try {
      return connections.use(c -> table.renewLease(c, key, owner, epoch, ttl));
    } catch (SQLException e) {
      throw SqlErrors.of("the lease of " + key.name() + " cannot be renewed", e);
    }
  }

  @Override
  public Map<String, String> notes() {
    throw new UnsupportedOperationException("to come");
  }

  @Override
  public boolean note(Map<String, @Nullable String> changes) {
    throw new UnsupportedOperationException("to come");
  }

  @Override
  public void close() {
    try {
      connections.use(
          c -> {
            table.releaseLease(c, key, owner, epoch);
            return key;
          });
    } catch (SQLException e) {
      throw SqlErrors.of("the lease of " + key.name() + " cannot be released", e);
    }
  }
}
