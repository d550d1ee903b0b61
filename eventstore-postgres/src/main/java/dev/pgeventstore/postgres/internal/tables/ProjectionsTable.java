package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.projection.ProjectionVersion;
import java.sql.Connection;
import java.sql.PreparedStatement;
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

  // Whoever comes second waits until the first has made the tables too.
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

  private static final String LIVE_VERSION =
      """
      select live_version
        from $schema.projections
       where name = ?
      """;

  // A program older than the column counts too: what is live was live.
  private static final String STANDING =
      """
      select live_version, greatest(highest_version, live_version)
        from $schema.projections
       where name = ?
      """;

  // One after the other promotes and drops; registering another version does not wait for that.
  private static final String LOCK = STANDING + " for no key update";

  private static final String SET_LIVE =
      """
      update $schema.projections
         set live_version = ?,
             highest_version = greatest(highest_version, live_version, ?),
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

  private final String addProjection;
  private final String addVersion;
  private final String hasVersion;
  private final String removeVersion;
  private final String liveVersion;
  private final String lock;
  private final String standing;
  private final String setLive;
  private final String droppedAt;
  private final String rememberDropped;

  public ProjectionsTable(Schema schema) {
    this.addProjection = schema.in(ADD_PROJECTION);
    this.addVersion = schema.in(ADD_VERSION);
    this.hasVersion = schema.in(HAS_VERSION);
    this.removeVersion = schema.in(REMOVE_VERSION);
    this.liveVersion = schema.in(LIVE_VERSION);
    this.lock = schema.in(LOCK);
    this.standing = schema.in(STANDING);
    this.setLive = schema.in(SET_LIVE);
    this.droppedAt = schema.in(DROPPED_AT);
    this.rememberDropped = schema.in(REMEMBER_DROPPED);
  }

  /**
   * Adds a version, and its projection.
   *
   * @return false if it is there already
   */
  public boolean add(Connection connection, ProjectionVersion version) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(addProjection)) {
      statement.setString(1, version.name());
      statement.executeUpdate();
    }
    return update(connection, addVersion, version) == 1;
  }

  /** Whether there is a version. */
  public boolean has(Connection connection, ProjectionVersion version) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(hasVersion)) {
      statement.setString(1, version.name());
      statement.setInt(2, version.version());
      try (ResultSet row = statement.executeQuery()) {
        return row.next();
      }
    }
  }

  /** Removes a version for good. The database refuses if it is the live one. */
  public void remove(Connection connection, ProjectionVersion version) throws SQLException {
    update(connection, removeVersion, version);
    update(connection, rememberDropped, version);
  }

  /** When a version was dropped; empty if it was not. */
  public Optional<Instant> droppedAt(Connection connection, ProjectionVersion version)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(droppedAt)) {
      statement.setString(1, version.name());
      statement.setInt(2, version.version());
      try (ResultSet row = statement.executeQuery()) {
        return row.next()
            ? Optional.of(row.getObject(1, OffsetDateTime.class).toInstant())
            : Optional.empty();
      }
    }
  }

  /** The live version of a projection. */
  public OptionalInt liveVersion(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(liveVersion)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? number(row, 1) : OptionalInt.empty();
      }
    }
  }

  /** Which versions of a projection are, and were, live. */
  public Standing standing(Connection connection, String name) throws SQLException {
    return standing(connection, standing, name);
  }

  /** The same, and nobody changes it until the transaction ends. */
  public Standing lock(Connection connection, String name) throws SQLException {
    return standing(connection, lock, name);
  }

  /** Changes the live version of a projection. */
  public void setLive(Connection connection, ProjectionVersion version) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(setLive)) {
      statement.setInt(1, version.version());
      statement.setInt(2, version.version());
      statement.setString(3, version.name());
      statement.executeUpdate();
    }
  }

  private static int update(Connection connection, String sql, ProjectionVersion version)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, version.name());
      statement.setInt(2, version.version());
      return statement.executeUpdate();
    }
  }

  private static Standing standing(Connection connection, String sql, String name)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        return row.next()
            ? new Standing(number(row, 1), row.getInt(2))
            : new Standing(OptionalInt.empty(), 0);
      }
    }
  }

  private static OptionalInt number(ResultSet row, int column) throws SQLException {
    int number = row.getInt(column);
    return row.wasNull() ? OptionalInt.empty() : OptionalInt.of(number);
  }

  /**
   * How a projection stands.
   *
   * @param live the version that readers see
   * @param highest the highest that was ever live; 0 for none
   */
  public record Standing(OptionalInt live, int highest) {

    /** Whether readers see a version. */
    public boolean shows(ProjectionVersion version) {
      return live.isPresent() && live.getAsInt() == version.version();
    }
  }
}
