package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.AppendResult.Part;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvent;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The tables of parked streams, parked events and discarded events. Every statement on them is in
 * this file.
 *
 * <p>A transaction that parks a further event of a parked stream holds the stream's row, so that
 * the stream stays parked meanwhile. A transaction that replays or discards an event holds the row
 * exclusively.
 *
 * <p>It is longer than other classes because every statement on the table is in this file.
 */
public class ParkedTable {

  private static final String STREAMS =
      """
      select stream_id
        from $schema.parked_streams
       where name = ?
      """;

  private static final String HOLD =
      """
      select stream_id
        from $schema.parked_streams
       where name = ?
         and stream_id = any (?)
       order by stream_id
         for share
      """;

  private static final String HOLD_ALONE =
      """
      select stream_id
        from $schema.parked_streams
       where name = ?
         and stream_id = ?
         for update
      """;

  private static final String PARK_STREAM =
      """
      insert into $schema.parked_streams (name, stream_id)
      values (?, ?)
          on conflict on constraint parked_streams_pkey do nothing
      """;

  private static final String PARK_EVENT =
      """
      insert into $schema.parked_events (name, stream_id, position, version, attempts, error)
      values (?, ?, ?, ?, ?, ?)
      """;

  private static final String COLUMNS =
      """
      select stream_id, version, position, attempts, error, parked_at
        from $schema.parked_events
      """;

  private static final String LIST =
      COLUMNS
          + """
             where name = ?
             order by position
             limit ?
            """;

  private static final String FIRST_OF_STREAM =
      COLUMNS
          + """
             where name = ?
               and stream_id = ?
             order by position
             limit 1
            """;

  private static final String AT_POSITION =
      COLUMNS
          + """
             where name = ?
               and position = ?
            """;

  private static final String COUNT =
      """
      select count(*)
        from $schema.parked_events
       where name = ?
      """;

  private static final String FAILED_AGAIN =
      """
      update $schema.parked_events
         set attempts = attempts + 1, error = ?
       where name = ?
         and position = ?
      """;

  private static final String REMOVE =
      """
      delete from $schema.parked_events
       where name = ?
         and position = ?
      """;

  private static final String DISCARD =
      """
      insert into $schema.discarded_events (name, stream_id, position, version, reason, error)
      select name, stream_id, position, version, ?, error
        from $schema.parked_events
       where name = ?
         and position = ?
      """;

  private static final String END_STREAM =
      """
      delete from $schema.parked_streams as s
       where s.name = ?
         and s.stream_id = ?
         and not exists (select from $schema.parked_events as e
                          where e.name = s.name and e.stream_id = s.stream_id)
      """;

  // A row without a stream means that an event was discarded.
  private static final String STREAMS_AND_DISCARDS =
      STREAMS
          + """
             union all
            (select null
               from $schema.discarded_events
              where name = ?
              limit 1)
            """;

  // The first parked or discarded event among some versions of some streams.
  private static final String SET_ASIDE =
      """
      select f.stream_id, f.version, f."position", f.attempts, f.error, f.at, f.reason
        from unnest(?::text[], ?::bigint[], ?::bigint[]) as w (stream_id, first, last)
       cross join lateral (
             select p.stream_id, p.version, p."position", p.attempts, p.error, p.parked_at as at,
                    null as reason
               from $schema.parked_events as p
              where p.name = ? and p.stream_id = w.stream_id
                and p.version between w.first and w.last
              union all
             select d.stream_id, d.version, d."position", 0, d.error, d.at, d.reason
               from $schema.discarded_events as d
              where d.name = ? and d.stream_id = w.stream_id
                and d.version between w.first and w.last) as f
       order by f."position"
       limit 1
      """;

  private static final String SET_ASIDE_AT =
      """
      select stream_id, version, "position", attempts, error, parked_at, null as reason
        from $schema.parked_events
       where name = ?
         and "position" = ?
       union all
      select stream_id, version, "position", 0, error, at, reason
        from $schema.discarded_events
       where name = ?
         and "position" = ?
      """;

  private static final List<String> REMOVE_ALL =
      List.of(
          "delete from $schema.parked_events where name = ?",
          "delete from $schema.parked_streams where name = ?");

  private final Schema schema;

  public ParkedTable(Schema schema) {
    this.schema = schema;
  }

  /** Reads the parked streams. */
  public Set<StreamId> streams(Connection connection, String name) throws SQLException {
    return parked(connection, STREAMS, name).streams();
  }

  /** Finds which of some streams are parked. These stay parked until the end of the transaction. */
  public Set<StreamId> hold(Connection connection, String name, Collection<StreamId> among)
      throws SQLException {
    Array ids =
        connection.createArrayOf(
            "text", among.stream().map(StreamId::toString).toArray(String[]::new));
    return parked(connection, HOLD, name, ids).streams();
  }

  /** Reads the parked streams, and whether any event was ever discarded. */
  public Parked parked(Connection connection, String name) throws SQLException {
    return parked(connection, STREAMS_AND_DISCARDS, name, name);
  }

  private Parked parked(Connection connection, String sql, Object... parameters)
      throws SQLException {
    Set<StreamId> streams = new HashSet<>();
    boolean discarded = false;
    for (Optional<String> stream :
        Statements.all(
            connection, schema.in(sql), row -> Optional.ofNullable(row.getString(1)), parameters)) {
      stream.map(StreamId::parse).ifPresent(streams::add);
      discarded |= stream.isEmpty();
    }
    return new Parked(streams, discarded);
  }

  /**
   * Waits for all other transactions that hold a stream, and holds it exclusively; false if it is
   * not parked.
   */
  public boolean holdAlone(Connection connection, String name, StreamId stream)
      throws SQLException {
    return Statements.first(connection, schema.in(HOLD_ALONE), row -> true, name, stream.toString())
        .isPresent();
  }

  /** Parks a stream, unless it already is. */
  public void parkStream(Connection connection, String name, StreamId stream) throws SQLException {
    Statements.update(connection, schema.in(PARK_STREAM), name, stream.toString());
  }

  /** Parks an event of a parked stream. */
  public void parkEvent(
      Connection connection, String name, RecordedEvent event, int attempts, Optional<String> error)
      throws SQLException {
    Statements.update(
        connection,
        schema.in(PARK_EVENT),
        name,
        event.stream().toString(),
        event.position().value(),
        event.version(),
        attempts,
        error.orElse(null));
  }

  /** The parked events with the lowest positions. */
  public List<ParkedEvent> list(Connection connection, String name, int limit) throws SQLException {
    return Statements.all(connection, schema.in(LIST), ParkedTable::parkedEvent, name, limit);
  }

  /** The first event of a stream that is parked. */
  public Optional<ParkedEvent> first(Connection connection, String name, StreamId stream)
      throws SQLException {
    return Statements.first(
        connection, schema.in(FIRST_OF_STREAM), ParkedTable::parkedEvent, name, stream.toString());
  }

  /** The parked event at a position. */
  public Optional<ParkedEvent> at(Connection connection, String name, Position position)
      throws SQLException {
    return Statements.first(
        connection, schema.in(AT_POSITION), ParkedTable::parkedEvent, name, position.value());
  }

  private static ParkedEvent parkedEvent(ResultSet row) throws SQLException {
    return new ParkedRow(
        StreamId.parse(row.getString(1)),
        row.getLong(2),
        Position.of(row.getLong(3)),
        row.getInt(4),
        Optional.ofNullable(row.getString(5)),
        row.getObject(6, OffsetDateTime.class).toInstant());
  }

  /** The number of parked events. */
  public long count(Connection connection, String name) throws SQLException {
    return Statements.one(connection, schema.in(COUNT), row -> row.getLong(1), name);
  }

  /**
   * The first event of an append that a subscription has parked or discarded. For an append without
   * streams, only the position is known.
   */
  public Optional<SetAside> setAside(Connection connection, String name, AppendResult append)
      throws SQLException {
    List<StreamId> streams = List.copyOf(append.versions().keySet());
    if (streams.isEmpty()) {
      long position = append.position().value();
      return Statements.first(
          connection, schema.in(SET_ASIDE_AT), ParkedTable::aside, name, position, name, position);
    }
    return Statements.first(
        connection,
        schema.in(SET_ASIDE),
        ParkedTable::aside,
        connection.createArrayOf("text", streams.stream().map(StreamId::toString).toArray()),
        connection.createArrayOf(
            "bigint", streams.stream().map(stream -> firstVersion(append, stream)).toArray()),
        connection.createArrayOf("bigint", streams.stream().map(append::version).toArray()),
        name,
        name);
  }

  private static SetAside aside(ResultSet row) throws SQLException {
    return new SetAside(parkedEvent(row), Optional.ofNullable(row.getString(7)));
  }

  private static long firstVersion(AppendResult append, StreamId stream) {
    Part part = append.parts().get(stream);
    return part == null ? 1 : part.firstVersion();
  }

  /** Stores the failure of a replay. */
  public void failedAgain(Connection connection, String name, Position position, String error)
      throws SQLException {
    Statements.update(connection, schema.in(FAILED_AGAIN), error, name, position.value());
  }

  /** Removes a parked event, and its stream if that was the last one. */
  public void remove(Connection connection, String name, ParkedEvent event) throws SQLException {
    Statements.update(connection, schema.in(REMOVE), name, event.position().value());
    Statements.update(connection, schema.in(END_STREAM), name, event.stream().toString());
  }

  /** Removes everything that a removed subscription had parked. */
  public void removeAll(Connection connection, String name) throws SQLException {
    for (String sql : REMOVE_ALL) {
      Statements.update(connection, schema.in(sql), name);
    }
  }

  /** Discards an event, and records why. */
  public void discard(Connection connection, String name, ParkedEvent event, String reason)
      throws SQLException {
    Statements.update(connection, schema.in(DISCARD), reason, name, event.position().value());
    remove(connection, name, event);
  }

  /**
   * The parked streams of a subscription.
   *
   * @param streams the parked streams
   * @param discarded whether any event was ever discarded
   */
  public record Parked(Set<StreamId> streams, boolean discarded) {}

  /**
   * An event that was not applied.
   *
   * @param event the event
   * @param reason why it was discarded; empty if it is still parked
   */
  public record SetAside(ParkedEvent event, Optional<String> reason) {}
}
