package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** The imports table: how far named imports have come. Every statement of it is in this file. */
public final class ImportsTable {

  private static final String CREATE =
      """
      insert into $schema.imports (name)
      values (?)
          on conflict on constraint imports_pkey do nothing
      """;

  private static final String READ =
      """
      select items, fingerprint, last_stream_id, last_position
        from $schema.imports
       where name = ?
      """;

  // Moves only from where this run stands: of two that run at once, one finds the row moved.
  private static final String ADVANCE =
      """
      update $schema.imports
         set items = ?, fingerprint = ?, last_stream_id = ?,
             finished_at = null, updated_at = clock_timestamp()
       where name = ?
         and items = ?
      """;

  private static final String SET_POSITION =
      """
      update $schema.imports
         set last_position = ?
       where name = ?
      """;

  private static final String FINISH =
      """
      update $schema.imports
         set finished_at = coalesce(finished_at, clock_timestamp()), updated_at = clock_timestamp()
       where name = ?
         and items = ?
      """;

  private final String create;
  private final String read;
  private final String advance;
  private final String setPosition;
  private final String finish;

  public ImportsTable(Schema schema) {
    this.create = schema.in(CREATE);
    this.read = schema.in(READ);
    this.advance = schema.in(ADVANCE);
    this.setPosition = schema.in(SET_POSITION);
    this.finish = schema.in(FINISH);
  }

  /** Finds how far an import has come; a new one is made. */
  public Row loadOrCreate(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(create)) {
      statement.setString(1, name);
      statement.executeUpdate();
    }
    try (PreparedStatement statement = connection.prepareStatement(read)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return new Row(row.getLong(1), row.getLong(2), row.getString(3), row.getLong(4));
      }
    }
  }

  /**
   * Counts items, and locks the row until the end of the transaction.
   *
   * @return false if it does not stand at {@code from}: another run has moved it
   */
  public boolean advance(Connection connection, String name, long from, Row to)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(advance)) {
      statement.setLong(1, to.items());
      statement.setLong(2, to.fingerprint());
      statement.setString(3, to.lastStream());
      statement.setString(4, name);
      statement.setLong(5, from);
      return statement.executeUpdate() == 1;
    }
  }

  /** Stores the position of the last event, in the transaction that has advanced the row. */
  public void setPosition(Connection connection, String name, long position) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(setPosition)) {
      statement.setLong(1, position);
      statement.setString(2, name);
      statement.executeUpdate();
    }
  }

  /**
   * Marks an import as finished, unless it is already.
   *
   * @return false if it does not stand at {@code items}
   */
  public boolean finish(Connection connection, String name, long items) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(finish)) {
      statement.setString(1, name);
      statement.setLong(2, items);
      return statement.executeUpdate() == 1;
    }
  }

  /**
   * How far an import has come.
   *
   * @param items taken from the source
   * @param fingerprint over all of them
   * @param lastStream of the last one
   * @param lastPosition of the last one, 0 if there is none
   */
  public record Row(long items, long fingerprint, @Nullable String lastStream, long lastPosition) {}
}
