package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.AppendRequest.Event;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * The functions {@code append} and {@code append_one}, which write streams and events. Their
 * parameters are described in {@code db/}.
 */
public final class AppendFunction {

  private static final String APPEND =
      """
      select outcomes, versions, positions, culprits
        from $schema.append(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """;

  // The target list is evaluated after the function in "from", and sees the rows that it has
  // written.
  private static final String APPEND_AND_PUBLISH =
      """
      select a.outcomes, a.versions, a.positions, a.culprits, $schema.publish(a.outcomes, messages)
        from $schema.append(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) as a
      """
          .replace("messages", OutboxTable.MESSAGES);

  private static final String APPEND_ONE = "select $schema.append_one(?, ?, ?, ?, ?, ?, ?)";

  private static final Long[] NO_MESSAGES = {};

  private final String append;
  private final String appendAndPublish;
  private final String appendOne;

  public AppendFunction(Schema schema) {
    this.append = schema.in(APPEND);
    this.appendAndPublish = schema.in(APPEND_AND_PUBLISH);
    this.appendOne = schema.in(APPEND_ONE);
  }

  /** Sends an append that waits for locked rows, and reads its response. */
  public Answer call(Connection connection, AppendRequest request) throws SQLException {
    return call(connection, List.of(request), true).get(0);
  }

  /**
   * Sends appends that wait for no lock, and reads their responses, in one round trip.
   *
   * @return a response for each, in their order
   */
  public List<Answer> callImpatiently(Connection connection, List<AppendRequest> requests)
      throws SQLException {
    AppendRequest first = requests.get(0);
    long expected = first.expected(0);
    return requests.size() == 1 && first.isOneEvent() && expected >= AppendRequest.EXISTS
        ? List.of(callOne(connection, first, expected))
        : call(connection, requests, false);
  }

  private Answer callOne(Connection connection, AppendRequest request, long expected)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(appendOne)) {
      Event event = request.events.get(0);
      statement.setString(1, request.streams[0].toString());
      statement.setLong(2, expected);
      statement.setObject(3, event.id());
      statement.setString(4, event.type());
      statement.setInt(5, event.revision());
      statement.setBytes(6, event.data());
      statement.setBytes(7, event.metadata().length == 0 ? null : event.metadata());
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        Long[] answer = (Long[]) row.getArray(1).getArray();
        return new Answer(
            Outcome.of(answer[0].intValue()),
            new long[] {answer[1]},
            answer[2] == null ? 0 : answer[2],
            0);
      }
    }
  }

  private List<Answer> call(Connection connection, List<AppendRequest> requests, boolean patient)
      throws SQLException {
    Columns columns = new Columns(requests);
    boolean publishes = requests.stream().anyMatch(request -> !request.messages.isEmpty());
    // The driver sends arrays of primitives in binary format, but only by its own method.
    PGConnection binary = connection.unwrap(PGConnection.class);
    try (PreparedStatement statement =
        connection.prepareStatement(publishes ? appendAndPublish : append)) {
      int next = 1;
      if (publishes) {
        new OutboxTable.Columns(requests.stream().map(request -> request.messages).toList())
            .bind(statement, next);
        next += 10;
      }
      statement.setArray(next++, connection.createArrayOf("text", columns.streamIds()));
      statement.setArray(next++, binary.createArrayOf("bool", columns.create));
      statement.setBoolean(next++, patient);
      statement.setArray(next++, binary.createArrayOf("int4", columns.appends));
      statement.setArray(next++, binary.createArrayOf("int4", columns.conditionStreams));
      statement.setArray(next++, binary.createArrayOf("int8", columns.expected));
      statement.setArray(next++, binary.createArrayOf("int4", columns.counts));
      statement.setArray(next++, binary.createArrayOf("int4", columns.eventConditions));
      statement.setArray(next++, binary.createArrayOf("int4", columns.eventNumbers));
      statement.setArray(next++, connection.createArrayOf("uuid", columns.ids));
      statement.setArray(next++, connection.createArrayOf("text", columns.types));
      statement.setArray(next++, binary.createArrayOf("int4", columns.revisions));
      statement.setArray(next++, binary.createArrayOf("bytea", columns.data));
      statement.setArray(
          next++,
          columns.metadata == null ? null : binary.createArrayOf("bytea", columns.metadata));
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return columns.answers(
            (Integer[]) row.getArray(1).getArray(),
            (Long[]) row.getArray(2).getArray(),
            (Long[]) row.getArray(3).getArray(),
            row.getArray(4),
            publishes ? (Long[]) row.getArray(5).getArray() : NO_MESSAGES);
      }
    }
  }

  /** The outcome of an append, in the order of the numbers that the functions return. */
  public enum Outcome {
    WRITTEN,
    CONFLICT,
    REPLAYED,
    IDS_REUSED,
    BUSY,
    TOMBSTONED;

    private static final Outcome[] ALL = values();

    static Outcome of(int number) {
      return ALL[number];
    }
  }

  /**
   * The response to an append.
   *
   * @param versions the version for each condition; after a refused append, the actual versions
   * @param position the position of the last event or message; 0 if the append was refused
   * @param culprit the number of the condition whose stream already has the ids, or is tombstoned
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Answer(Outcome outcome, long[] versions, long position, int culprit) {}

  /** The parameters for some appends, column by column. */
  private static final class Columns {
    private final List<AppendRequest> requests;
    private final StreamId[] streams;
    private final boolean[] create;
    private final int[] appends;
    private final int[] conditionStreams;
    private final long[] expected;
    private final int[] counts;
    private final int[] eventConditions;
    private final int[] eventNumbers;
    private final String[] ids;
    private final String[] types;
    private final int[] revisions;
    private final byte[][] data;
    private byte @Nullable [][] metadata;

    Columns(List<AppendRequest> requests) {
      this.requests = requests;
      int conditions = 0;
      int events = 0;
      for (AppendRequest request : requests) {
        conditions += request.streams.length;
        events += request.events.size();
      }
      streams = sorted(requests);
      create = new boolean[streams.length];
      appends = new int[conditions];
      conditionStreams = new int[conditions];
      expected = new long[conditions];
      counts = new int[conditions];
      eventConditions = new int[events];
      eventNumbers = new int[events];
      ids = new String[events];
      types = new String[events];
      revisions = new int[events];
      data = new byte[events][];
      fill();
    }

    /** The streams in the order of locks, which is the same for all appends. */
    private static StreamId[] sorted(List<AppendRequest> requests) {
      if (requests.size() == 1 && requests.get(0).streams.length == 1) {
        return requests.get(0).streams;
      }
      TreeSet<StreamId> sorted = new TreeSet<>();
      for (AppendRequest request : requests) {
        sorted.addAll(Arrays.asList(request.streams));
      }
      return sorted.toArray(StreamId[]::new);
    }

    String[] streamIds() {
      String[] texts = new String[streams.length];
      for (int i = 0; i < texts.length; i++) {
        texts[i] = streams[i].toString();
      }
      return texts;
    }

    private void fill() {
      Map<StreamId, Integer> indexes = new HashMap<>(2 * streams.length);
      for (int i = 0; i < streams.length; i++) {
        indexes.put(streams[i], i);
      }
      int condition = 0;
      int event = 0;
      for (int append = 0; append < requests.size(); append++) {
        AppendRequest request = requests.get(append);
        int next = 0;
        for (int c = 0; c < request.streams.length; c++) {
          int stream = Objects.requireNonNull(indexes.get(request.streams[c]));
          create[stream] |= request.creates(c);
          appends[condition] = append + 1;
          conditionStreams[condition] = stream + 1;
          expected[condition] = request.expected(c);
          counts[condition] = request.counts[c];
          condition++;
          for (int number = 1; number <= request.counts[c]; number++) {
            eventConditions[event] = condition;
            eventNumbers[event] = number;
            fill(event++, request.events.get(next++));
          }
        }
      }
    }

    private void fill(int index, Event event) {
      ids[index] = event.id().toString();
      types[index] = event.type();
      revisions[index] = event.revision();
      data[index] = event.data();
      if (event.metadata().length > 0) {
        if (metadata == null) {
          metadata = new byte[ids.length][];
        }
        metadata[index] = event.metadata();
      }
    }

    List<Answer> answers(
        Integer[] outcomes,
        Long[] versions,
        Long[] positions,
        @Nullable Array culprits,
        @Nullable Long[] ofMessages)
        throws SQLException {
      Answer[] answers = new Answer[outcomes.length];
      int condition = 0;
      for (int append = 0; append < answers.length; append++) {
        long[] own = new long[requests.get(append).streams.length];
        int first = condition;
        for (int c = 0; c < own.length; c++) {
          own[c] = versions[condition++];
        }
        Long ofEvents = positions[append];
        // The response ends with the last append that has messages.
        Long ofMessage = append < ofMessages.length ? ofMessages[append] : null;
        answers[append] =
            new Answer(
                Outcome.of(outcomes[append]),
                own,
                Math.max(ofEvents == null ? 0 : ofEvents, ofMessage == null ? 0 : ofMessage),
                culprit(culprits, append) - first);
      }
      return Arrays.asList(answers);
    }

    private static int culprit(@Nullable Array culprits, int append) throws SQLException {
      if (culprits == null) {
        return 0;
      }
      Integer number = ((Integer[]) culprits.getArray())[append];
      return number == null ? 0 : number - 1;
    }
  }
}
