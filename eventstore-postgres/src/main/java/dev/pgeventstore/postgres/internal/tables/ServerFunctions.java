package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.Durations;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;

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

  private static final String END_IF_SILENT =
      "select set_config('idle_in_transaction_session_timeout', ?, true)";

  private static final String END_AS_CONFIGURED =
      "select set_config('idle_in_transaction_session_timeout', null, true)";

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

  /** The handler may take its time: from here on the transaction lasts as the role allows. */
  public static void endAsConfigured(Connection connection) throws SQLException {
    Statements.one(connection, END_AS_CONFIGURED, row -> row.getString(1));
  }

  /**
   * Lets the server end this transaction if it waits too long for the next statement. Others wait
   * for what the transaction has locked, and this process may be frozen.
   */
  public static void endIfSilent(Connection connection, Duration patience) throws SQLException {
    Statements.one(
        connection,
        END_IF_SILENT,
        row -> row.getString(1),
        Long.toString(Durations.millis(patience)));
  }
}
