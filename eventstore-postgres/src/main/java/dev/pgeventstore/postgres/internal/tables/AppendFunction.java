package dev.pgeventstore.postgres.internal.tables;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * The function {@code append}, which writes streams and events. What its parameters mean is said in
 * {@code db/}.
 */
public final class AppendFunction {

  private static final String CALL =
      """
      select outcome, versions, position, reused_in
        from $schema.append(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """;

  private final String call;

  public AppendFunction(Schema schema) {
    this.call = schema.in(CALL);
  }

  /** Sends the append and takes its answer: one round trip. */
  public Answer call(Connection connection, Arguments arguments) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(call)) {
      statement.setArray(1, connection.createArrayOf("text", arguments.streams));
      statement.setArray(2, array(connection, "int8", arguments.expected));
      statement.setArray(3, array(connection, "int4", arguments.counts));
      statement.setArray(4, array(connection, "int4", arguments.eventStreams));
      statement.setArray(5, array(connection, "int4", arguments.eventNumbers));
      statement.setArray(6, connection.createArrayOf("uuid", arguments.ids));
      statement.setArray(7, connection.createArrayOf("text", arguments.types));
      statement.setArray(8, array(connection, "int4", arguments.revisions));
      statement.setArray(9, connection.createArrayOf("bytea", arguments.data));
      statement.setArray(10, connection.createArrayOf("bytea", arguments.metadata));
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        Long[] versions = (Long[]) row.getArray(2).getArray();
        return new Answer(
            Outcome.values()[row.getInt(1)], versions, row.getLong(3), row.getInt(4) - 1);
      }
    }
  }

  // Arrays of primitives go out in binary form; the driver knows them through its own method only.
  private static Array array(Connection connection, String type, Object primitives)
      throws SQLException {
    return connection.unwrap(org.postgresql.PGConnection.class).createArrayOf(type, primitives);
  }

  /** What came of an append. In the order of the numbers that the function answers with. */
  public enum Outcome {
    WRITTEN,
    CONFLICT,
    REPLAYED,
    IDS_REUSED
  }

  /**
   * The function's answer.
   *
   * @param versions per stream; after an append that was refused, the actual ones
   * @param position of the last event, 0 if it was refused
   * @param reusedIn index of the stream that has the ids already, -1 if none has
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Answer(Outcome outcome, Long[] versions, long position, int reusedIn) {}

  /** The function's parameters, column by column. */
  public static final class Arguments {
    public final String[] streams;
    public final long[] expected;
    public final int[] counts;
    public final int[] eventStreams;
    public final int[] eventNumbers;
    public final String[] ids;
    public final String[] types;
    public final int[] revisions;
    public final byte[][] data;
    public final byte[] @Nullable [] metadata;

    public Arguments(int streamCount, int eventCount) {
      streams = new String[streamCount];
      expected = new long[streamCount];
      counts = new int[streamCount];
      eventStreams = new int[eventCount];
      eventNumbers = new int[eventCount];
      ids = new String[eventCount];
      types = new String[eventCount];
      revisions = new int[eventCount];
      data = new byte[eventCount][];
      metadata = new byte[eventCount][];
    }
  }
}
