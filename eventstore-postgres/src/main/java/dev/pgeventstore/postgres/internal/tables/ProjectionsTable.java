package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.projection.ProjectionVersion;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The projections and their versions: every statement that reads or writes them is in this file.
 */
public final class ProjectionsTable {

  private static final String ADD_PROJECTION =
      """
      insert into $schema.projections (name)
      values (?)
          on conflict on constraint projections_pkey do nothing
      """;

  // A second caller waits until the first one has also created the tables.
  private static final String ADD_VERSION =
      """
      insert into $schema.projection_versions (name, version)
      values (?, ?)
          on conflict on constraint projection_versions_pkey do nothing
      """;

  private static final String HAS_VERSION =
      """
      select from $schema.projection_versions
       where name = ?
         and version = ?
      """;

  private static final String REMOVE_VERSION =
      """
      delete from $schema.projection_versions
       where name = ?
         and version = ?
      """;

  private static final String STANDING =
      """
      select live_version, highest_version
        from $schema.projections
       where name = ?
      """;

  // Promotions and drops run one after the other. Registering another version does not wait for
  // them.
  private static final String LOCK = STANDING + " for no key update";

  private static final String SET_LIVE =
      """
      update $schema.projections
         set live_version = ?,
             highest_version = greatest(highest_version, ?),
             promoted_at = clock_timestamp()
       where name = ?
      """;

  private static final String DROPPED_AT =
      """
      select dropped_at
        from $schema.dropped_projection_versions
       where name = ?
         and version = ?
      """;

  private static final String REMEMBER_DROPPED =
      """
      insert into $schema.dropped_projection_versions (name, version)
      values (?, ?)
          on conflict on constraint dropped_projection_versions_pkey do nothing
      """;

  private final Schema schema;

  public ProjectionsTable(Schema schema) {
    this.schema = schema;
  }

  /**
   * Adds a version, and its projection.
   *
   * @return false if it exists already
   */
  public boolean add(Connection connection, ProjectionVersion version) throws SQLException {
    int unused = update(connection, ADD_PROJECTION, version.name());
    return update(connection, ADD_VERSION, version.name(), version.version()) == 1;
  }

  /** Whether a version exists. */
  public boolean has(Connection connection, ProjectionVersion version) throws SQLException {
    return first(connection, HAS_VERSION, row -> true, version.name(), version.version())
        .isPresent();
  }

  /** Removes a version permanently. The database refuses this for the live one. */
  public void remove(Connection connection, ProjectionVersion version) throws SQLException {
    int unused = update(connection, REMOVE_VERSION, version.name(), version.version());
    unused = update(connection, REMEMBER_DROPPED, version.name(), version.version());
  }

  /** When a version was dropped; empty if it was not. */
  public Optional<Instant> droppedAt(Connection connection, ProjectionVersion version)
      throws SQLException {
    return first(
        connection,
        DROPPED_AT,
        row -> row.getObject(1, OffsetDateTime.class).toInstant(),
        version.name(),
        version.version());
  }

  /** The live version of a projection. */
  public OptionalInt liveVersion(Connection connection, String name) throws SQLException {
    return standing(connection, name).live();
  }

  /** Which versions of a projection are, and were, live. */
  public Standing standing(Connection connection, String name) throws SQLException {
    return standing(connection, STANDING, name);
  }

  /** Reads the same, and prevents other transactions from changing it until this one ends. */
  public Standing lock(Connection connection, String name) throws SQLException {
    return standing(connection, LOCK, name);
  }

  /** Changes the live version of a projection. */
  public void setLive(Connection connection, ProjectionVersion version) throws SQLException {
    int unused = update(connection, SET_LIVE, version.version(), version.version(), version.name());
  }

  private Standing standing(Connection connection, String sql, String name) throws SQLException {
    return first(connection, sql, row -> new Standing(number(row, 1), row.getInt(2)), name)
        .orElseGet(() -> new Standing(OptionalInt.empty(), 0));
  }

  private static OptionalInt number(ResultSet row, int column) throws SQLException {
    int number = row.getInt(column);
    return row.wasNull() ? OptionalInt.empty() : OptionalInt.of(number);
  }

  private int update(Connection connection, String sql, Object... parameters) throws SQLException {
    return JdbiCalls.on(connection, handle -> handle.execute(schema.in(sql), parameters));
  }

  private <T> Optional<T> first(
      Connection connection, String sql, Statements.Row<T> row, Object... parameters)
      throws SQLException {
    return JdbiCalls.on(
        connection,
        handle ->
            handle
                .select(schema.in(sql), parameters)
                .map((result, context) -> row.of(result))
                .findFirst());
  }

  /**
   * The state of a projection.
   *
   * @param live the version that readers see
   * @param highest the highest version that was ever live; 0 for none
   */
  public record Standing(OptionalInt live, int highest) {

    /** Whether readers see a version. */
    public boolean shows(ProjectionVersion version) {
      return live.isPresent() && live.getAsInt() == version.version();
    }
  }
}
