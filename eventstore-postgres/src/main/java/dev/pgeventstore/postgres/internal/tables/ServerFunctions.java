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

  // A transaction that commits synchronously flushes everything that was written to the log before.
  // It must write something, because otherwise its commit has nothing to flush.
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
   * Waits until everything that was observed is on the server's disk, and on those of its
   * synchronous standbys if it must be replicated.
   *
   * @param upTo how far the log was written at the observation; 0 if that is on the disk
   */
  public static void flush(Connection connection, long upTo) throws SQLException {
    flush(connection, upTo, "on");
  }

  /**
   * Waits until everything that was observed is on the server's own disk, without waiting for a
   * standby.
   */
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

  /** Whether the log is on the server's disk up to a place. */
  public static boolean isFlushed(Connection connection, long upTo) throws SQLException {
    return Statements.one(connection, IS_FLUSHED, row -> row.getBoolean(1), upTo);
  }

  /** Lets each statement of a transaction fail if it waits longer than a second for a lock. */
  public static void waitBrieflyForLocks(Connection connection) throws SQLException {
    Statements.one(connection, WAIT_BRIEFLY, row -> row.getString(1));
  }
}
