package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.AppendResult.Part;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The tables of what subscriptions have set aside: parked streams and their events, and those that
 * were given up. Every statement of them is in this file.
 *
 * <p>Who parks an event of a stream that is parked already holds the stream's row against its end;
 * who replays or discards one holds it alone.
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

  // A row without a stream says that something was given up.
  private static final String STREAMS_AND_DISCARDS =
      STREAMS
          + """
             union all
            (select null
               from $schema.discarded_events
              where name = ?
              limit 1)
            """;

  // Of some versions of some streams, the first.
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

  private static final List<String> REMOVE_ALL =
      List.of(
          "delete from $schema.parked_events where name = ?",
          "delete from $schema.parked_streams where name = ?");

  private final String streams;
  private final String hold;
  private final String holdAlone;
  private final String parkStream;
  private final String parkEvent;
  private final String list;
  private final String firstOfStream;
  private final String atPosition;
  private final String count;
  private final String failedAgain;
  private final String remove;
  private final String discard;
  private final String endStream;
  private final String streamsAndDiscards;
  private final String setAside;
  private final List<String> removeAll;

  public ParkedTable(Schema schema) {
    this.streams = schema.in(STREAMS);
    this.hold = schema.in(HOLD);
    this.holdAlone = schema.in(HOLD_ALONE);
    this.parkStream = schema.in(PARK_STREAM);
    this.parkEvent = schema.in(PARK_EVENT);
    this.list = schema.in(LIST);
    this.firstOfStream = schema.in(FIRST_OF_STREAM);
    this.atPosition = schema.in(AT_POSITION);
    this.count = schema.in(COUNT);
    this.failedAgain = schema.in(FAILED_AGAIN);
    this.remove = schema.in(REMOVE);
    this.discard = schema.in(DISCARD);
    this.endStream = schema.in(END_STREAM);
    this.streamsAndDiscards = schema.in(STREAMS_AND_DISCARDS);
    this.setAside = schema.in(SET_ASIDE);
    this.removeAll = REMOVE_ALL.stream().map(schema::in).toList();
  }

  /** The streams that are parked. */
  public Set<StreamId> streams(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(streams)) {
      statement.setString(1, name);
      return streamIds(statement);
    }
  }

  /** Those of some streams that are parked. They stay so until the end of the transaction. */
  public Set<StreamId> hold(Connection connection, String name, Collection<StreamId> among)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(hold)) {
      statement.setString(1, name);
      statement.setArray(
          2,
          connection.createArrayOf(
              "text", among.stream().map(StreamId::toString).toArray(String[]::new)));
      return streamIds(statement);
    }
  }

  private static Set<StreamId> streamIds(PreparedStatement statement) throws SQLException {
    Set<StreamId> ids = new HashSet<>();
    try (ResultSet row = statement.executeQuery()) {
      while (row.next()) {
        ids.add(StreamId.parse(row.getString(1)));
      }
    }
    return ids;
  }

  /** Waits for all others that do something with a stream; false if it is not parked. */
  public boolean holdAlone(Connection connection, String name, StreamId stream)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(holdAlone)) {
      statement.setString(1, name);
      statement.setString(2, stream.toString());
      try (ResultSet row = statement.executeQuery()) {
        return row.next();
      }
    }
  }

  /** Parks a stream, unless it is parked. */
  public void parkStream(Connection connection, String name, StreamId stream) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(parkStream)) {
      statement.setString(1, name);
      statement.setString(2, stream.toString());
      statement.executeUpdate();
    }
  }

  /** Parks an event of a parked stream. */
  public void parkEvent(
      Connection connection, String name, RecordedEvent event, int attempts, Optional<String> error)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(parkEvent)) {
      statement.setString(1, name);
      statement.setString(2, event.stream().toString());
      statement.setLong(3, event.position().value());
      statement.setLong(4, event.version());
      statement.setInt(5, attempts);
      statement.setString(6, error.orElse(null));
      statement.executeUpdate();
    }
  }

  /** The parked events with the lowest positions. */
  public List<ParkedEvent> list(Connection connection, String name, int limit) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(list)) {
      statement.setString(1, name);
      statement.setInt(2, limit);
      return parkedEvents(statement);
    }
  }

  /** The first event of a stream that is parked. */
  public Optional<ParkedEvent> first(Connection connection, String name, StreamId stream)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(firstOfStream)) {
      statement.setString(1, name);
      statement.setString(2, stream.toString());
      return parkedEvents(statement).stream().findFirst();
    }
  }

  /** The event that is parked with a position. */
  public Optional<ParkedEvent> at(Connection connection, String name, Position position)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(atPosition)) {
      statement.setString(1, name);
      statement.setLong(2, position.value());
      return parkedEvents(statement).stream().findFirst();
    }
  }

  private static List<ParkedEvent> parkedEvents(PreparedStatement statement) throws SQLException {
    List<ParkedEvent> events = new ArrayList<>();
    try (ResultSet row = statement.executeQuery()) {
      while (row.next()) {
        events.add(parkedEvent(row));
      }
    }
    return events;
  }

  private static ParkedEvent parkedEvent(ResultSet row) throws SQLException {
    return new ParkedEvent(
        StreamId.parse(row.getString(1)),
        row.getLong(2),
        Position.of(row.getLong(3)),
        row.getInt(4),
        Optional.ofNullable(row.getString(5)),
        row.getObject(6, OffsetDateTime.class).toInstant());
  }

  /** How many events are parked. */
  public long count(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(count)) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** The streams that are parked, and whether any event was ever given up. */
  public Parked parked(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(streamsAndDiscards)) {
      statement.setString(1, name);
      statement.setString(2, name);
      Set<StreamId> streams = new HashSet<>();
      boolean discarded = false;
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          String stream = row.getString(1);
          if (stream == null) {
            discarded = true;
          } else {
            streams.add(StreamId.parse(stream));
          }
        }
      }
      return new Parked(streams, discarded);
    }
  }

  /** The first event of an append that a subscription has parked or given up. */
  public Optional<SetAside> setAside(Connection connection, String name, AppendResult append)
      throws SQLException {
    List<StreamId> streams = List.copyOf(append.versions().keySet());
    try (PreparedStatement statement = connection.prepareStatement(setAside)) {
      statement.setArray(
          1, connection.createArrayOf("text", streams.stream().map(StreamId::toString).toArray()));
      statement.setArray(
          2,
          connection.createArrayOf(
              "bigint", streams.stream().map(stream -> firstVersion(append, stream)).toArray()));
      statement.setArray(
          3, connection.createArrayOf("bigint", streams.stream().map(append::version).toArray()));
      statement.setString(4, name);
      statement.setString(5, name);
      try (ResultSet row = statement.executeQuery()) {
        return row.next()
            ? Optional.of(new SetAside(parkedEvent(row), Optional.ofNullable(row.getString(7))))
            : Optional.empty();
      }
    }
  }

  private static long firstVersion(AppendResult append, StreamId stream) {
    Part part = append.parts().get(stream);
    return part == null ? 1 : part.firstVersion();
  }

  /** Remembers what a replay failed with. */
  public void failedAgain(Connection connection, String name, Position position, String error)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(failedAgain)) {
      statement.setString(1, error);
      statement.setString(2, name);
      statement.setLong(3, position.value());
      statement.executeUpdate();
    }
  }

  /** An event is parked no more; its stream neither, if that was the last one. */
  public void remove(Connection connection, String name, ParkedEvent event) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(remove)) {
      statement.setString(1, name);
      statement.setLong(2, event.position().value());
      statement.executeUpdate();
    }
    try (PreparedStatement statement = connection.prepareStatement(endStream)) {
      statement.setString(1, name);
      statement.setString(2, event.stream().toString());
      statement.executeUpdate();
    }
  }

  /** Forgets everything that a subscription has parked: there is no such subscription any more. */
  public void removeAll(Connection connection, String name) throws SQLException {
    for (String sql : removeAll) {
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        statement.setString(1, name);
        statement.executeUpdate();
      }
    }
  }

  /** Gives an event up, and says why. */
  public void discard(Connection connection, String name, ParkedEvent event, String reason)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(discard)) {
      statement.setString(1, reason);
      statement.setString(2, name);
      statement.setLong(3, event.position().value());
      statement.executeUpdate();
    }
    remove(connection, name, event);
  }

  /**
   * What a subscription has set aside.
   *
   * @param streams that are parked
   * @param discarded whether any event was ever given up
   */
  public record Parked(Set<StreamId> streams, boolean discarded) {}

  /**
   * An event that was not applied.
   *
   * @param event which one
   * @param reason why it was given up; empty if it is still parked
   */
  public record SetAside(ParkedEvent event, Optional<String> reason) {}
}
