package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** What is asked of the server itself: identity and write-ahead log. */
public final class ServerFunctions {

  private static final String DATABASE_ID =
      """
      select (select system_identifier from pg_control_system()) || '/' || oid
        from pg_database
       where datname = current_database()
      """;

  private static final String IS_FLUSHED =
      "select pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()";

  // A transaction that commits synchronously flushes everything written to the log before it. It
  // must write something, or its commit has nothing to flush.
  private static final String FLUSH =
      """
      select set_config('synchronous_commit', 'on', true),
             pg_logical_emit_message(true, 'pgeventstore', 'flush')
      """;

  private ServerFunctions() {}

  /** What tells this database from every other, in whatever cluster; the same after a restart. */
  public static String databaseId(Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(DATABASE_ID);
        ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getString(1);
    }
  }

  /** Sees to it that everything visible now is on the server's disk. */
  public static void flush(Connection connection) throws SQLException {
    boolean flushed;
    try (PreparedStatement statement = connection.prepareStatement(IS_FLUSHED);
        ResultSet row = statement.executeQuery()) {
      row.next();
      flushed = row.getBoolean(1);
    }
    if (!flushed) {
      try (PreparedStatement statement = connection.prepareStatement(FLUSH)) {
        statement.execute();
      }
    }
  }
}
