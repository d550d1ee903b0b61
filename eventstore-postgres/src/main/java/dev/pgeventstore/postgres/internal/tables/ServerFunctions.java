package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/** Queries to the server itself: identity and write-ahead log. */
public final class ServerFunctions {

  private static final String DATABASE_ID =
      """
      select (select system_identifier from pg_control_system()) || '/' || oid
        from pg_database
       where datname = current_database()
      """;

  private static final String IS_FLUSHED = "select pg_current_wal_flush_lsn() - '0/0' >= ?";

  // A transaction that commits synchronously flushes everything written to the log before it. It
  // must write something, or its commit has nothing to flush.
  private static final String FLUSH =
      """
      select set_config('synchronous_commit', ?, true),
             pg_logical_emit_message(true, 'pgeventstore', 'flush')
      """;

  private static final String WAIT_BRIEFLY = "select set_config('lock_timeout', '1s', true)";

  private ServerFunctions() {}

  /** Identifies this database among all others, in any cluster; the same after a restart. */
  public static String databaseId(Connection connection) throws SQLException {
    return Statements.one(connection, DATABASE_ID, row -> row.getString(1));
  }

  /**
   * Sees to it that what was observed is on the server's disk, and on those of its synchronous
   * standbys if it has to be sent there.
   *
   * @param upTo how far the log was written by then; 0 if that is on the disk
   */
  public static void flush(Connection connection, long upTo) throws SQLException {
    flush(connection, upTo, "on");
  }

  /** The same for the server's own disk alone: it waits for no standby. */
  public static void flushLocally(Connection connection, long upTo) throws SQLException {
    flush(connection, upTo, "local");
  }

  private static void flush(Connection connection, long upTo, String synchronousCommit)
      throws SQLException {
    if (upTo > 0 && !isFlushed(connection, upTo)) {
      try (PreparedStatement statement = connection.prepareStatement(FLUSH)) {
        statement.setString(1, synchronousCommit);
        statement.execute();
      }
    }
  }

  /** Whether the log is on the server's disk as far as it was written at some time. */
  public static boolean isFlushed(Connection connection, long upTo) throws SQLException {
    return Statements.one(connection, IS_FLUSHED, row -> row.getBoolean(1), upTo);
  }

  /** Lets the statements of a transaction fail that wait for a lock for longer than a second. */
  public static void waitBrieflyForLocks(Connection connection) throws SQLException {
    Statements.one(connection, WAIT_BRIEFLY, row -> row.getString(1));
  }
}
