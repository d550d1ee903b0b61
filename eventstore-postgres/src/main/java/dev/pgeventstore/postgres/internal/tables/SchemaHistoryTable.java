package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The schema_history table, which Flyway creates and writes. The store only reads it. */
public final class SchemaHistoryTable {

  /** The table's name. */
  public static final String NAME = "schema_history";

  // The row that records that Flyway created the schema has no version.
  private static final String APPLIED =
      """
      select version::integer as version, type = 'BASELINE' as adopted, checksum, success
        from $schema.schema_history
       where version is not null
       order by installed_rank
      """;

  private final String applied;

  public SchemaHistoryTable(Schema schema) {
    this.applied = schema.in(APPLIED);
  }

  /** Reads the migrations that were applied. */
  public List<Row> applied(Connection connection) throws SQLException {
    return Statements.all(
        connection,
        applied,
        row ->
            new Row(
                row.getInt("version"),
                row.getBoolean("adopted"),
                (Integer) row.getObject("checksum"),
                row.getBoolean("success")));
  }

  /**
   * A migration that was applied.
   *
   * @param version its version
   * @param adopted whether all migrations up to this version were applied by hand, before there was
   *     a history
   * @param checksum the checksum of its script, if there was one
   * @param success false if it failed halfway
   */
  public record Row(int version, boolean adopted, @Nullable Integer checksum, boolean success) {}
}
