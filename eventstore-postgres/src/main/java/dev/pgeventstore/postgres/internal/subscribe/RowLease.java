package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.LeaseNotesTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.SubscriptionsTable;
import dev.pgeventstore.spi.Lease;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A lease kept in a row, so that it needs no session of its own and passes through any pooler. */
record RowLease(
    Connections connections,
    SubscriptionsTable table,
    LeaseNotesTable notesTable,
    SubscriptionsTable.Tenure tenure,
    Duration ttl)
    implements Lease {

  @Override
  public long epoch() {
    return tenure.epoch();
  }

  @Override
  public boolean renew() {
    return done(
        "renewed", c -> table.renewLease(c, tenure.key(), tenure.owner(), tenure.epoch(), ttl));
  }

  @Override
  public Map<String, String> notes() {
    return done("read", c -> notesTable.of(c, tenure.key()));
  }

  @Override
  public boolean note(Map<String, @Nullable String> changes) {
    return done("noted in", c -> notesTable.note(c, tenure, changes));
  }

  @Override
  public boolean replaceNote(String life, String name, @Nullable String expected, String text) {
    return done("noted in", c -> notesTable.replace(c, tenure, life, name, expected, text));
  }

  @Override
  public void close() {
    done(
        "released",
        c -> {
          table.releaseLease(c, tenure.key(), tenure.owner(), tenure.epoch());
          return true;
        });
  }

  private <T> T done(String what, Connections.Work<T> work) {
    try {
      return connections.use(work);
    } catch (SQLException e) {
      throw SqlErrors.of("the lease of %s cannot be %s".formatted(tenure.key().name(), what), e);
    }
  }
}
