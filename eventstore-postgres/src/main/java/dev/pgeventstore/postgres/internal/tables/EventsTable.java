package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.AppendResult.Part;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.internal.Contents;
import dev.pgeventstore.spi.StoredEvent;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * The events table: every statement that reads it is in this file. It is written by the functions
 * {@code append}, {@code erase} and {@code purge}, and by the COPY of imports. Every statement that
 * reads events has one of the two conditions that hide truncated events.
 *
 * <p>Plain JDBC, because these are the hot paths, and none of the ten columns of a row needs
 * mapping.
 *
 * <p>It is longer than other classes because every statement on the table is in this file.
 */
public class EventsTable {

  static final String COLUMNS =
      """
      select position, stream_id, version, id, type, revision, data, metadata, recorded_at
        from $schema.events
      """;

  /**
   * The events that readers of a stream see. The parameter is the id of the stream. Evaluated once
   * for each statement, not for each row.
   */
  static final String NOT_HIDDEN_IN_STREAM =
      """
      version >= coalesce((select t.before from $schema.truncations as t where t.stream_id = ?), 1)
      """;

  /**
   * The events that readers of the global order see. The first part is evaluated once for each
   * statement, and is enough for nearly all events: no event is hidden beyond that position, and
   * none at all if the table is empty.
   */
  static final String NOT_HIDDEN =
      """
      (position > (select coalesce(max(t.hidden_up_to), 0) from $schema.truncations as t)
        or not exists (select from $schema.truncations as t
                        where t.stream_id = events.stream_id
                          and t.before > events.version))
      """;

  private static final String STREAM_FORWARDS =
      COLUMNS
          + """
             where stream_id = ?
               and version between ? and ?
               and %s
             order by version
             limit ?
            """
              .formatted(NOT_HIDDEN_IN_STREAM);

  private static final String STREAM_BACKWARDS =
      COLUMNS
          + """
             where stream_id = ?
               and version between ? and ?
               and %s
             order by version desc
             limit ?
            """
              .formatted(NOT_HIDDEN_IN_STREAM);

  private static final String LAST_UP_TO =
      COLUMNS + " where position <= ? order by position desc limit 1";

  private static final String AT_POSITION = COLUMNS + " where position = ? and " + NOT_HIDDEN;

  // There is no index on the time: it is queried once for each subscription.
  private static final String FIRST_SINCE =
      """
      select min(position)
        from $schema.events
       where recorded_at >= ?
         and position <= ?
      """;

  private static final String IDS_AT_POSITIONS =
      """
      select position, id from $schema.events where position = any (?)
       union all
      select position, id from $schema.purged_events where position = any (?)
      """;

  // Truncated and erased events keep their rows, so they are found by stream and version. Of purged
  // events only the ids are left, without an index, because this query is used only after a crash.
  private static final String FIND =
      """
      select coalesce(
               (select max(e.position)
                  from unnest(?::text[], ?::bigint[], ?::uuid[]) as w (stream_id, version, id)
                  join $schema.events as e
                    on e.stream_id = w.stream_id and e.version = w.version and e.id = w.id),
               (select max(p.position) from $schema.purged_events as p where p.id = any (?))),
             $schema.incarnation()
      """;

  // The identity column draws the positions, row by row, as the rows arrive.
  private static final String COPY =
      """
      copy $schema.events (stream_id, category, version, id, type, revision, data, metadata)
      from stdin (format binary)
      """;

  private static final int COPY_PIECE = 64 * 1024;

  /**
   * The server also counts the headers of values, so the client cannot compute exactly whether the
   * server has left something out.
   */
  private static final int SIZE_TOLERANCE = 16;

  private static final String POSITION_OF =
      "select position from $schema.events where stream_id = ? and version = ?";

  private final Schema schema;
  private final EventCodec codec;
  private final String streamForwards;
  private final String streamBackwards;
  private final String lastUpTo;
  private final String atPosition;

  public EventsTable(Schema schema, EventCodec codec) {
    this.schema = schema;
    this.codec = codec;
    this.streamForwards = schema.in(STREAM_FORWARDS);
    this.streamBackwards = schema.in(STREAM_BACKWARDS);
    this.lastUpTo = schema.in(LAST_UP_TO);
    this.atPosition = schema.in(AT_POSITION);
  }

  /** Reads a part of a stream. */
  public List<RecordedEvent> readStream(Connection connection, StreamId stream, StreamRange range)
      throws SQLException {
    String sql = range.isForwards() ? streamForwards : streamBackwards;
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, stream.toString());
      statement.setLong(2, range.first());
      statement.setLong(3, range.last());
      statement.setString(4, stream.toString());
      statement.setInt(5, range.limit());
      return events(statement.executeQuery());
    }
  }

  /** Prepares reading pages for a query, so that the SQL text is built once. */
  public SettledPages settledPages(EventQuery query) {
    return new SettledPages(query);
  }

  /** The committed event at a position, settled or not, unless it is hidden. */
  public Optional<RecordedEvent> at(Connection connection, Position position) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(atPosition)) {
      statement.setLong(1, position.value());
      return events(statement.executeQuery()).stream().findFirst();
    }
  }

  /** The last event at or below a position, hidden or not. */
  public Optional<RecordedEvent> lastUpTo(Connection connection, Position position)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(lastUpTo)) {
      statement.setLong(1, position.value());
      return events(statement.executeQuery()).stream().findFirst();
    }
  }

  /** The lowest position, up to the mark, of an event that was stored at a time or later. */
  public OptionalLong firstSince(Connection connection, Instant time, long upTo)
      throws SQLException {
    return Statements.one(
        connection,
        schema.in(FIRST_SINCE),
        row -> {
          long first = row.getLong(1);
          return row.wasNull() ? OptionalLong.empty() : OptionalLong.of(first);
        },
        time.atOffset(ZoneOffset.UTC),
        upTo);
  }

  /**
   * The ids of the events that were appended at some positions, even if they have been truncated,
   * erased or purged since.
   */
  public Map<Position, UUID> idsAt(Connection connection, Collection<Position> positions)
      throws SQLException {
    Array wanted =
        connection.createArrayOf("bigint", positions.stream().map(Position::value).toArray());
    return Statements.all(
            connection,
            schema.in(IDS_AT_POSITIONS),
            row -> Map.entry(Position.of(row.getLong(1)), row.getObject(2, UUID.class)),
            wanted,
            wanted)
        .stream()
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  /**
   * Finds an append by the ids of the last events that it has written to its streams. They were
   * committed together, so any of them will do.
   */
  public Found find(Connection connection, AppendResult append) throws SQLException {
    List<StreamId> streams = List.copyOf(append.parts().keySet());
    List<Part> parts = streams.stream().map(append.parts()::get).toList();
    Array ids = connection.createArrayOf("uuid", parts.stream().map(Part::lastId).toArray());
    return Statements.one(
        connection,
        schema.in(FIND),
        row -> {
          long position = row.getLong(1);
          return new Found(
              row.wasNull() ? Optional.empty() : Optional.of(Position.of(position)),
              Objects.requireNonNullElse(row.getString(2), ""));
        },
        connection.createArrayOf("text", streams.stream().map(StreamId::toString).toArray()),
        connection.createArrayOf("bigint", parts.stream().map(Part::version).toArray()),
        ids,
        ids);
  }

  /**
   * The position of an append.
   *
   * @param position the position of its last event; empty if the append was not found
   * @param incarnation the incarnation of the server that responded
   */
  public record Found(Optional<Position> position, String incarnation) {}

  /**
   * Writes rows. This takes the lock on events (docs/adr/0001), so an import must have finished all
   * other waiting before.
   *
   * @param rows the rows in the binary format of COPY, with its header and trailer
   * @param length how many bytes of the array are used
   * @return the number of rows that were written
   */
  public long copy(Connection connection, byte[] rows, int length) throws SQLException {
    CopyIn copying = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(schema.in(COPY));
    try {
      // Sent in pieces, so that the server can process the first while the others are transferred.
      for (int at = 0; at < length; at += COPY_PIECE) {
        copying.writeToCopy(rows, at, Math.min(COPY_PIECE, length - at));
      }
      return copying.endCopy();
    } finally {
      if (copying.isActive()) {
        copying.cancelCopy();
      }
    }
  }

  /** The position of an event, which must be visible to this transaction. */
  public long positionOf(Connection connection, String stream, long version) throws SQLException {
    return Statements.one(
        connection, schema.in(POSITION_OF), row -> row.getLong(1), stream, version);
  }

  private List<RecordedEvent> events(ResultSet answer) throws SQLException {
    List<RecordedEvent> events = new ArrayList<>();
    try (ResultSet rows = answer) {
      StreamCache stream = new StreamCache();
      while (rows.next()) {
        events.add(event(rows, stream.of(rows.getString(2))));
      }
    }
    return events;
  }

  /** Reads an event from a row of {@code COLUMNS}, which all statements here have in this order. */
  RecordedEvent event(ResultSet row, StreamId stream) throws SQLException {
    // The driver returns the bytes of a json column as it received them: UTF-8, not decoded.
    return event(row, stream, row.getBytes(7));
  }

  private RecordedEvent event(ResultSet row, StreamId stream, byte[] data) throws SQLException {
    return StoredEvent.of(
        Position.of(row.getLong(1)),
        stream,
        row.getLong(3),
        row.getObject(4, UUID.class),
        Contents.of(row.getString(5), row.getInt(6), data),
        row.getBytes(8),
        row.getObject(9, OffsetDateTime.class).toInstant(),
        codec);
  }

  /** Neighbouring events are often in one stream, whose id need not be parsed again. */
  private static final class StreamCache {
    private String text = "";
    private StreamId stream = StreamId.of("none", "none");

    StreamId of(String wanted) {
      if (!wanted.equals(text)) {
        text = wanted;
        stream = StreamId.parse(wanted);
      }
      return stream;
    }
  }

  /** The size of an event's JSON in bytes. */
  public static long size(RecordedEvent event) {
    byte[] metadata = event.metadataUtf8();
    return event.encoded().length() + (metadata == null ? 0L : metadata.length);
  }

  /** Whether an event is so large that pages with it are read within a limit of bytes. */
  public static boolean isLarge(RecordedEvent event) {
    return size(event) > SettledPageQuery.SMALL_BYTES;
  }

  /**
   * The beginning of a page.
   *
   * @param isCut whether more of the page may follow
   */
  public record Beginning(List<RecordedEvent> events, boolean isCut) {}

  /** Reads pages of the settled order for one query. Safe for many threads. */
  public final class SettledPages {

    private final SettledPageQuery query;
    private final String sql;
    private final String withoutLargeOnes;
    private final String withinBytes;

    private SettledPages(EventQuery wanted) {
      this.query = SettledPageQuery.of(wanted);
      this.sql = schema.in(query.sql());
      this.withoutLargeOnes = schema.in(query.withoutLargeOnes());
      this.withinBytes = schema.in(query.withinBytes());
    }

    /** How many unwanted rows a statement may have to read. */
    public SettledPageQuery.Access access() {
      return query.access();
    }

    /** Whether all events of a stream are wanted if one is. */
    public boolean wantsWholeStreams() {
      return query.wantsWholeStreams();
    }

    /**
     * Reads a page.
     *
     * @param after exclusive
     * @param upTo inclusive, at most the mark
     * @param incarnation the one that the mark was observed in
     * @return at most {@code limit} events; none if the server is in another incarnation
     */
    public List<RecordedEvent> read(
        Connection connection, long after, long upTo, String incarnation, int limit)
        throws SQLException {
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        return events(query.execute(statement, after, upTo, incarnation, limit));
      }
    }

    /**
     * Reads a page up to its first large event, which is not included. It may be the first event of
     * the page.
     */
    public Beginning readSmallOnes(
        Connection connection, long after, long upTo, String incarnation, int limit)
        throws SQLException {
      try (PreparedStatement statement = connection.prepareStatement(withoutLargeOnes);
          ResultSet rows = query.execute(statement, after, upTo, incarnation, limit)) {
        List<RecordedEvent> events = new ArrayList<>();
        StreamCache stream = new StreamCache();
        while (rows.next()) {
          byte @Nullable [] data = rows.getBytes(7);
          if (data == null) {
            return new Beginning(events, true);
          }
          events.add(event(rows, stream.of(rows.getString(2)), data));
        }
        return new Beginning(events, false);
      }
    }

    /**
     * Reads the part of a page that fits into a number of bytes, but at least one event.
     *
     * <p>The server must compute the size of each event, which takes time for compressed ones.
     */
    public Beginning readWithin(
        Connection connection, long after, long upTo, String incarnation, int limit, long maxBytes)
        throws SQLException {
      try (PreparedStatement statement = connection.prepareStatement(withinBytes);
          ResultSet rows =
              query.executeWithin(statement, after, upTo, incarnation, limit, maxBytes)) {
        List<RecordedEvent> events = new ArrayList<>();
        StreamCache stream = new StreamCache();
        long bytes = 0;
        while (rows.next()) {
          RecordedEvent event = event(rows, stream.of(rows.getString(2)));
          events.add(event);
          bytes = rows.getLong(10) + size(event) + SIZE_TOLERANCE;
        }
        return new Beginning(events, bytes >= maxBytes);
      }
    }
  }
}
