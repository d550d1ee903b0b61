package dev.pgeventstore.benchmarks;

import dev.pgeventstore.StreamId;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;
import java.util.UUID;

/**
 * The limit: a table with the same columns, constraints and indexes as the store's, written and
 * read by prepared statements of plain JDBC, without any check.
 */
final class PlainTable {

  private static final String INSERT =
      "insert into plain.events (stream_id, category, version, id, type, revision, data) values ";
  private static final String ROW = "(?, ?, ?, ?, ?, ?, ?::json)";

  /**
   * What a home-made store does: it locks no row, and the primary key detects the slower writer.
   */
  private static final String INSERT_NEXT =
      """
      insert into plain.events (stream_id, category, version, id, type, revision, data)
      select ?, ?, coalesce(max(version), 0) + 1, ?, ?, ?, ?::json
        from plain.events
       where stream_id = ?
      """;

  private static final String UNIQUE_VIOLATION = "23505";

  private static final String COLUMNS =
      """
      select position, stream_id, version, id, type, revision, data, metadata, recorded_at
        from plain.events
      """;
  private static final String STREAM = COLUMNS + " where stream_id = ? order by version";
  private static final String TAIL =
      COLUMNS + " where stream_id = ? and version > ? order by version";
  private static final String SNAPSHOT =
      "select version, state from plain.snapshots where stream_id = ? and name = ?";
  private static final String VERSION =
      "select coalesce(max(version), 0) from plain.events where stream_id = ?";
  private static final String PAGE = COLUMNS + " where position > ? order by position limit ?";

  private PlainTable() {}

  static void create(Connection connection, String storeSchema) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("create schema plain");
      statement.execute(
          "create table plain.events (like " + storeSchema + ".events including all)");
      statement.execute(
          "create table plain.snapshots (like " + storeSchema + ".snapshots including all)");
    }
  }

  /** Copies the contents of the store, so that both read the same. */
  static void fill(Connection connection, String storeSchema) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(
          """
          insert into plain.events
                 (stream_id, category, version, id, type, revision, data, metadata, recorded_at)
          select stream_id, category, version, id, type, revision, data, metadata, recorded_at
            from %s.events
           order by position
          """
              .formatted(storeSchema));
      statement.execute("insert into plain.snapshots select * from " + storeSchema + ".snapshots");
      statement.execute("vacuum analyze plain.snapshots");
      statement.execute("vacuum analyze " + storeSchema + ".snapshots");
      statement.execute("vacuum analyze plain.events");
      statement.execute("vacuum analyze " + storeSchema + ".events");
    }
  }

  static PreparedStatement insert(Connection connection, int rows) throws SQLException {
    return connection.prepareStatement(INSERT + ROW + (", " + ROW).repeat(rows - 1));
  }

  static void bind(
      PreparedStatement insert, int row, String category, String stream, long version, String json)
      throws SQLException {
    int first = 7 * row;
    insert.setString(first + 1, stream);
    insert.setString(first + 2, category);
    insert.setLong(first + 3, version);
    insert.setObject(first + 4, UUID.randomUUID());
    insert.setString(first + 5, "parcel-delivered");
    insert.setInt(first + 6, 1);
    insert.setString(first + 7, json);
  }

  /** Prepares an event for the end of a stream, whatever its version is then. */
  static PreparedStatement insertNext(Connection connection, StreamId stream, String json)
      throws SQLException {
    PreparedStatement insert = connection.prepareStatement(INSERT_NEXT);
    insert.setString(1, stream.toString());
    insert.setString(2, stream.category());
    insert.setString(4, "parcel-delivered");
    insert.setInt(5, 1);
    insert.setString(6, json);
    insert.setString(7, stream.toString());
    return insert;
  }

  /** Executes the insert; returns false if another writer has inserted the version meanwhile. */
  static boolean insertedNext(PreparedStatement insertNext) throws SQLException {
    insertNext.setObject(3, UUID.randomUUID());
    return inserted(insertNext);
  }

  /** Executes the insert; returns false if another writer was faster. */
  static boolean inserted(PreparedStatement insert) throws SQLException {
    try {
      insert.executeUpdate();
      return true;
    } catch (SQLException e) {
      if (UNIQUE_VIOLATION.equals(e.getSQLState())) {
        return false;
      }
      throw e;
    }
  }

  static PreparedStatement selectVersion(Connection connection, StreamId stream)
      throws SQLException {
    PreparedStatement select = connection.prepareStatement(VERSION);
    select.setString(1, stream.toString());
    return select;
  }

  static long version(PreparedStatement selectVersion) throws SQLException {
    try (ResultSet row = selectVersion.executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }

  static PreparedStatement selectStream(Connection connection) throws SQLException {
    return connection.prepareStatement(STREAM);
  }

  static PreparedStatement selectSnapshot(Connection connection) throws SQLException {
    return connection.prepareStatement(SNAPSHOT);
  }

  static PreparedStatement selectTail(Connection connection) throws SQLException {
    return connection.prepareStatement(TAIL);
  }

  static PreparedStatement selectPage(Connection connection) throws SQLException {
    return connection.prepareStatement(PAGE);
  }

  /** Reads every column of every row, as the types that a program would use. */
  static int read(PreparedStatement select, RowReader reader) throws Exception {
    int count = 0;
    try (ResultSet rows = select.executeQuery()) {
      while (rows.next()) {
        reader.read(
            new Row(
                rows.getLong(1),
                rows.getString(2),
                rows.getLong(3),
                rows.getObject(4, UUID.class),
                rows.getString(5),
                rows.getInt(6),
                rows.getBytes(7),
                rows.getBytes(8),
                rows.getObject(9, OffsetDateTime.class)));
        count++;
      }
    }
    return count;
  }

  /** Receives the rows, one after the other. */
  @FunctionalInterface
  interface RowReader {
    void read(Row row) throws Exception;
  }

  /** A row. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Row(
      long position,
      String stream,
      long version,
      UUID id,
      String type,
      int revision,
      byte[] data,
      byte[] metadata,
      OffsetDateTime recordedAt) {}
}
