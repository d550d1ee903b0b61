package dev.pgeventstore.postgres.internal.tables;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.RecordedMessage;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.postgresql.PGConnection;

/** The outbox table: messages that wait for a relay. Its functions are described in {@code db/}. */
public final class OutboxTable {

  /** The parameters that {@link Columns#bind} fills in. */
  static final String MESSAGES = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?";

  private static final String PUBLISH = "select $schema.publish(null, " + MESSAGES + ")";

  private static final String WAITING =
      """
      select position, recorded_at, id, topic, key, value, header_names, header_values
        from $schema.waiting_messages(?, ?, ?, ?, ?, ?, ?)
      """;

  private static final String DELETE = "select $schema.delete_messages(?, ?, ?, ?, ?)";

  private final String publish;
  private final String waiting;
  private final String delete;

  public OutboxTable(Schema schema) {
    this.publish = schema.in(PUBLISH);
    this.waiting = schema.in(WAITING);
    this.delete = schema.in(DELETE);
  }

  /**
   * Writes messages, one after the other.
   *
   * @return the position of the last one
   */
  public long publish(Connection connection, List<OutboxMessage> messages) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(publish)) {
      new Columns(List.of(messages)).bind(statement, 1);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return ((Long[]) row.getArray(1).getArray())[0];
      }
    }
  }

  /**
   * The first messages after a position that a lane of a relay must publish.
   *
   * @param bytes no more messages are returned once their size exceeds this
   */
  public List<RecordedMessage> waiting(
      Connection connection,
      String relay,
      LaneOf lane,
      long after,
      long upTo,
      int limit,
      long bytes)
      throws SQLException {
    return Statements.all(
        connection,
        waiting,
        row ->
            RecordedMessage.of(
                Position.of(row.getLong(1)),
                message(relay, row),
                row.getObject(2, OffsetDateTime.class).toInstant()),
        relay,
        lane.number(),
        lane.lanes(),
        after,
        upTo,
        limit,
        bytes);
  }

  private static OutboxMessage message(String relay, ResultSet row) throws SQLException {
    OutboxMessage message =
        OutboxMessage.to(relay, row.getString(4)).id(row.getObject(3, UUID.class));
    byte[] key = row.getBytes(5);
    byte[] value = row.getBytes(6);
    if (key != null) {
      message = message.key(key);
    }
    if (value != null) {
      message = message.value(value);
    }
    String[] names = (String[]) row.getArray(7).getArray();
    byte[][] values = (byte[][]) row.getArray(8).getArray();
    for (int i = 0; i < names.length; i++) {
      message = message.header(names[i], values[i]);
    }
    return message;
  }

  /** Deletes the messages of a lane after one position and up to another. Returns their number. */
  public long delete(Connection connection, String relay, LaneOf lane, long after, long upTo)
      throws SQLException {
    return Statements.one(
        connection, delete, row -> row.getLong(1), relay, lane.number(), lane.lanes(), after, upTo);
  }

  /**
   * One of the lanes of a relay.
   *
   * @param number 0 to {@code lanes - 1}
   * @param lanes the number of lanes
   */
  public record LaneOf(int number, int lanes) {
    public LaneOf {
      if (lanes < 1 || number < 0 || number >= lanes) {
        throw new IllegalArgumentException("there is no lane %d of %d".formatted(number, lanes));
      }
    }
  }

  /** The parameters for the messages of some appends, column by column. */
  static final class Columns {
    private final int[] appends;
    private final String[] relays;
    private final String[] topics;
    private final String[] ids;
    private final long[] laneHashes;
    private final byte[][] keys;
    private final byte[][] values;
    private final int[] headerCounts;
    private final List<String> headerNames = new ArrayList<>();
    private final List<byte[]> headerValues = new ArrayList<>();

    /**
     * Collects the messages of some appends.
     *
     * @param messages per append
     */
    Columns(List<List<OutboxMessage>> messages) {
      int count = messages.stream().mapToInt(List::size).sum();
      appends = new int[count];
      relays = new String[count];
      topics = new String[count];
      ids = new String[count];
      laneHashes = new long[count];
      keys = new byte[count][];
      values = new byte[count][];
      headerCounts = new int[count];
      int next = 0;
      for (int append = 0; append < messages.size(); append++) {
        for (OutboxMessage message : messages.get(append)) {
          appends[next] = append + 1;
          fill(next++, message);
        }
      }
    }

    private void fill(int index, OutboxMessage message) {
      relays[index] = message.relay();
      topics[index] = message.topic();
      ids[index] = message.id().toString();
      byte[] key = message.key().orElse(null);
      keys[index] = key;
      values[index] = message.value().orElse(null);
      laneHashes[index] = hash(key == null ? message.topic().getBytes(UTF_8) : key);
      headerCounts[index] = message.headers().size();
      for (Map.Entry<String, byte[]> header : message.headers().entrySet()) {
        headerNames.add(header.getKey());
        headerValues.add(header.getValue());
      }
    }

    private static long hash(byte[] bytes) {
      CRC32C checksum = new CRC32C();
      checksum.update(bytes);
      return checksum.getValue();
    }

    /** Binds the parameters of {@link #MESSAGES}, starting at a parameter. */
    void bind(PreparedStatement statement, int first) throws SQLException {
      Connection connection = statement.getConnection();
      // The driver sends arrays of primitives and bytes in binary format, but only by its own
      // method.
      PGConnection binary = connection.unwrap(PGConnection.class);
      statement.setArray(first, binary.createArrayOf("int4", appends));
      statement.setArray(first + 1, connection.createArrayOf("text", relays));
      statement.setArray(first + 2, connection.createArrayOf("text", topics));
      statement.setArray(first + 3, connection.createArrayOf("uuid", ids));
      statement.setArray(first + 4, binary.createArrayOf("int8", laneHashes));
      statement.setArray(first + 5, binary.createArrayOf("bytea", keys));
      statement.setArray(first + 6, binary.createArrayOf("bytea", values));
      statement.setArray(first + 7, binary.createArrayOf("int4", headerCounts));
      statement.setArray(
          first + 8, connection.createArrayOf("text", headerNames.toArray(String[]::new)));
      statement.setArray(
          first + 9, binary.createArrayOf("bytea", headerValues.toArray(byte[][]::new)));
    }
  }
}
