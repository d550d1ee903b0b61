package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The streams table. The append functions in {@code db/} have their own statements on it. */
public final class StreamsTable {

  // Locks in the byte order of ids, as every append does. If another transaction has locked a row,
  // this waits for it, and advances from the version that the other transaction left.
  private static final String ADVANCE =
      """
      insert into $schema.streams as s (stream_id, category, version)
      select n.stream_id, split_part(n.stream_id, '-', 1), n.events
        from unnest(?, ?) as n (stream_id, events)
       order by n.stream_id collate "C"
          on conflict on constraint streams_pkey do update
         set version = s.version + excluded.version
       where s.tombstoned_at is null
      returning s.version
      """;

  private static final String TOMBSTONED =
      """
      select stream_id
        from $schema.streams
       where stream_id = any (?)
         and tombstoned_at is not null
       order by stream_id
       limit 1
      """;

  private final Schema schema;

  public StreamsTable(Schema schema) {
    this.schema = schema;
  }

  /**
   * Locks streams, creates those that do not exist, and advances all of them.
   *
   * @param ids the ids, distinct and in byte order
   * @param events the number of events by which each stream is advanced
   * @return the versions before, in the same order
   * @throws TombstonedException if one of them is tombstoned
   */
  public long[] advance(Connection connection, String[] ids, long[] events) throws SQLException {
    long[] versions = new long[ids.length];
    int count = 0;
    try (PreparedStatement statement = connection.prepareStatement(schema.in(ADVANCE))) {
      statement.setArray(1, connection.createArrayOf("text", ids));
      statement.setArray(
          2, connection.unwrap(org.postgresql.PGConnection.class).createArrayOf("int8", events));
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          versions[count] = rows.getLong(1) - events[count];
          count++;
        }
      }
    }
    if (count < ids.length) {
      throw new TombstonedException(tombstoned(connection, ids));
    }
    return versions;
  }

  private String tombstoned(Connection connection, String[] ids) throws SQLException {
    return Statements.one(
        connection,
        schema.in(TOMBSTONED),
        row -> row.getString(1),
        connection.createArrayOf("text", ids));
  }

  /** A stream is tombstoned. */
  public static final class TombstonedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TombstonedException(String stream) {
      super("stream " + stream + " is tombstoned and takes no events any more");
    }
  }
}
