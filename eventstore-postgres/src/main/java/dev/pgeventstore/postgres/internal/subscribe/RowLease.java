package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.LeaseNotesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.spi.Lease;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A lease kept in a row, so that it needs no session of its own and passes through any pooler. */
record RowLease(
    Connections connections,
    LeasesTable table,
    LeaseNotesTable notesTable,
    Tenure tenure,
    Duration time)
    implements Lease {

  @Override
  public long epoch() {
    return tenure.epoch();
  }

  @Override
  public boolean renew() {
    return done("renewed", c -> table.renew(c, tenure, time));
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
  public boolean replaceNote(
      String incarnation, String name, @Nullable String expected, String text) {
    return done("noted in", c -> notesTable.replace(c, tenure, incarnation, name, expected, text));
  }

  @Override
  public void close() {
    done(
        "released",
        c -> {
          table.giveBack(c, tenure);
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
