package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** The imports table: the progress of named imports. Every statement on it is in this file. */
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

  // Moves only from this run's progress: if two runs are active at once, one of them finds that the
  // row has moved.
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

  private final Schema schema;

  public ImportsTable(Schema schema) {
    this.schema = schema;
  }

  /** Finds the progress of an import; a new one is created. */
  public Row loadOrCreate(Connection connection, String name) throws SQLException {
    boolean unused = update(connection, CREATE, name);
    return JdbiCalls.on(
        connection,
        handle ->
            handle
                .select(schema.in(READ), name)
                .map(
                    (row, context) ->
                        new Row(row.getLong(1), row.getLong(2), row.getString(3), row.getLong(4)))
                .one());
  }

  /**
   * Counts items, and locks the row until the end of the transaction.
   *
   * @return false if the row is not at {@code from}, because another run has moved it
   */
  public boolean advance(Connection connection, String name, long from, Row to)
      throws SQLException {
    return update(connection, ADVANCE, to.items(), to.fingerprint(), to.lastStream(), name, from);
  }

  /** Stores the position of the last event, in the transaction that has advanced the row. */
  public void setPosition(Connection connection, String name, long position) throws SQLException {
    boolean unused = update(connection, SET_POSITION, position, name);
  }

  /**
   * Marks an import as finished, unless it already is.
   *
   * @return false if the row is not at {@code items}
   */
  public boolean finish(Connection connection, String name, long items) throws SQLException {
    return update(connection, FINISH, name, items);
  }

  private boolean update(Connection connection, String sql, @Nullable Object... parameters)
      throws SQLException {
    return JdbiCalls.on(connection, handle -> handle.execute(schema.in(sql), parameters)) == 1;
  }

  /**
   * The progress of an import.
   *
   * @param items the number of items taken from the source
   * @param fingerprint the fingerprint of all items
   * @param lastStream the stream of the last item
   * @param lastPosition the position of the last item; 0 if there is none
   */
  public record Row(long items, long fingerprint, @Nullable String lastStream, long lastPosition) {}
}
