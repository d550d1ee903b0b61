package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The functions that erase. They are described in {@code db/}; only erasers may call them. */
public final class ErasingFunctions {

  private static final String TRUNCATE_BEFORE =
      "select outcome, first from $schema.truncate_before(?, ?)";

  private static final String TOMBSTONE = "select outcome, last from $schema.tombstone(?)";

  private static final String ERASE = "select outcome from $schema.erase(?, ?, ?)";

  private static final String PURGE =
      "select outcome, purged, nothing_left from $schema.purge(?, ?)";

  private final Schema schema;

  public ErasingFunctions(Schema schema) {
    this.schema = schema;
  }

  /** Hides the events of a stream below a version. */
  public Answer truncateBefore(Connection connection, String stream, long version)
      throws SQLException {
    return call(
        connection,
        TRUNCATE_BEFORE,
        row -> new Answer(outcome(row), row.getLong(2)),
        stream,
        version);
  }

  /** Ends a stream. */
  public Answer tombstone(Connection connection, String stream) throws SQLException {
    return call(connection, TOMBSTONE, row -> new Answer(outcome(row), row.getLong(2)), stream);
  }

  /** Blanks an event. */
  public Answer erase(Connection connection, String stream, long version, String reason)
      throws SQLException {
    return call(
        connection, ERASE, row -> new Answer(outcome(row), version), stream, version, reason);
  }

  /** Deletes some of the hidden events of a stream. */
  public Batch purge(Connection connection, String stream, int limit) throws SQLException {
    return call(
        connection,
        PURGE,
        row -> new Batch(outcome(row), row.getInt(2), row.getBoolean(3)),
        stream,
        limit);
  }

  private <T> T call(
      Connection connection, String sql, Statements.Row<T> answer, Object... parameters)
      throws SQLException {
    return JdbiCalls.on(
        connection,
        handle ->
            handle.select(schema.in(sql), parameters).map((row, context) -> answer.of(row)).one());
  }

  private static Outcome outcome(ResultSet row) throws SQLException {
    return Outcome.values()[row.getInt(1)];
  }

  /** The outcome, in the order of the numbers that the functions return. */
  public enum Outcome {
    DONE,
    WAS_SO_ALREADY,
    NO_SUCH_STREAM,
    NO_SUCH_VERSION,
    TOMBSTONED
  }

  /**
   * A function's result.
   *
   * @param version the version that the function returns
   */
  public record Answer(Outcome outcome, long version) {}

  /**
   * The result of one call of a purge.
   *
   * @param events the number of deleted events
   * @param nothingLeft whether the stream has no more hidden events
   */
  public record Batch(Outcome outcome, int events, boolean nothingLeft) {}
}
