package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.projection.ProjectionVersion;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
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

  // One after the other promotes and drops; registering another version does not wait for that.
  private static final String LOCK = LIVE_VERSION + " for no key update";

  private static final String SET_LIVE =
      """
      update $schema.projections
         set live_version = ?, promoted_at = clock_timestamp()
       where name = ?
      """;

  private final String addProjection;
  private final String addVersion;
  private final String hasVersion;
  private final String removeVersion;
  private final String liveVersion;
  private final String lock;
  private final String setLive;

  public ProjectionsTable(Schema schema) {
    this.addProjection = schema.in(ADD_PROJECTION);
    this.addVersion = schema.in(ADD_VERSION);
    this.hasVersion = schema.in(HAS_VERSION);
    this.removeVersion = schema.in(REMOVE_VERSION);
    this.liveVersion = schema.in(LIVE_VERSION);
    this.lock = schema.in(LOCK);
    this.setLive = schema.in(SET_LIVE);
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

  /** Removes a version. The database refuses if it is the live one. */
  public void remove(Connection connection, ProjectionVersion version) throws SQLException {
    update(connection, removeVersion, version);
  }

  /** The live version of a projection. */
  public OptionalInt liveVersion(Connection connection, String name) throws SQLException {
    return version(connection, liveVersion, name);
  }

  /** The live version of a projection, which nobody changes until the transaction ends. */
  public OptionalInt lock(Connection connection, String name) throws SQLException {
    return version(connection, lock, name);
  }

  /** Changes the live version of a projection. */
  public void setLive(Connection connection, ProjectionVersion version) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(setLive)) {
      statement.setInt(1, version.version());
      statement.setString(2, version.name());
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

  private static OptionalInt version(Connection connection, String sql, String name)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          return OptionalInt.empty();
        }
        int version = row.getInt(1);
        return row.wasNull() ? OptionalInt.empty() : OptionalInt.of(version);
      }
    }
  }
}
