package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The snapshots table: every statement that reads or writes it is in this file. */
public final class SnapshotsTable {

  // One statement, and thus one snapshot of the database, so the events follow exactly this state.
  // Its version is lower than theirs, so it is the first row.
  private static final String SNAPSHOT_AND_TAIL =
      """
      with snapshot as (
        select version, state
          from $schema.snapshots
         where stream_id = ?
           and name = ?
           and revision = ?
           and version <= ?
      )
      select null::bigint as position, null::text as stream_id, version, null::uuid as id,
             null::text as type, null::integer as revision, state as data, null::json as metadata,
             null::timestamptz as recorded_at
        from snapshot
      union all
      (select position, stream_id, version, id, type, revision, data, metadata, recorded_at
         from $schema.events
        where stream_id = ?
          and version > coalesce((select version from snapshot), 0)
          and version <= ?
          and %s
        order by version
        limit ?)
       order by version
      """
          .formatted(EventsTable.NOT_HIDDEN_IN_STREAM);

  // A slower process may try to write an older snapshot. A process that loaded the stream before an
  // erasure must not store the erased data again, so no snapshot is kept for an hour after an
  // erasure.
  private static final String KEEP =
      """
      insert into $schema.snapshots as s (stream_id, name, revision, version, state)
      select stream_id, ?, ?, ?, ?::json
        from $schema.streams
       where stream_id = ?
         and version >= ?
         and tombstoned_at is null
         and not exists (select from $schema.erasures as e
                          where e.stream_id = streams.stream_id
                            and e.at > clock_timestamp() - interval '1 hour')
          on conflict on constraint snapshots_pkey do update
         set revision = excluded.revision,
             version = excluded.version,
             state = excluded.state,
             recorded_at = excluded.recorded_at
       where s.version < excluded.version
      """;

  private static final String DROP = "delete from $schema.snapshots where stream_id = ?";

  private final EventsTable events;
  private final Schema schema;
  private final String snapshotAndTail;

  public SnapshotsTable(Schema schema, EventsTable events) {
    this.events = events;
    this.schema = schema;
    this.snapshotAndTail = schema.in(SNAPSHOT_AND_TAIL);
  }

  /** Reads a snapshot of this revision, at or below a version, and the events after it. */
  public SnapshotAndTail readWithTail(
      Connection connection, StreamId stream, String name, int revision, long upTo, int limit)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(snapshotAndTail)) {
      statement.setString(1, stream.toString());
      statement.setString(2, name);
      statement.setInt(3, revision);
      statement.setLong(4, upTo);
      statement.setString(5, stream.toString());
      statement.setLong(6, upTo);
      statement.setString(7, stream.toString());
      statement.setInt(8, limit);
      Optional<Snapshot> snapshot = Optional.empty();
      List<RecordedEvent> tail = new ArrayList<>();
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          if (rows.getString(2) == null) {
            snapshot = Optional.of(Snapshot.of(name, revision, rows.getLong(3), rows.getBytes(7)));
          } else {
            tail.add(events.event(rows, stream));
          }
        }
      }
      return new Found(snapshot, tail);
    }
  }

  /**
   * Keeps a snapshot, unless there is one of the same or a later version, or the stream is
   * tombstoned or not at that version yet.
   */
  public void keep(Connection connection, StreamId stream, Snapshot snapshot) throws SQLException {
    int unused =
        JdbiCalls.on(
            connection,
            handle ->
                handle.execute(
                    schema.in(KEEP),
                    snapshot.name(),
                    snapshot.revision(),
                    snapshot.version(),
                    new String(snapshot.stateUtf8(), StandardCharsets.UTF_8),
                    stream.toString(),
                    snapshot.version()));
  }

  /**
   * Drops all snapshots of a stream, whatever their names. Called when events of the stream are
   * erased.
   *
   * @return the number of dropped snapshots
   */
  public int drop(Connection connection, StreamId stream) throws SQLException {
    return JdbiCalls.on(connection, handle -> handle.execute(schema.in(DROP), stream.toString()));
  }

  private record Found(Optional<Snapshot> snapshot, List<RecordedEvent> tail)
      implements SnapshotAndTail {}
}
