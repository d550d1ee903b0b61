package dev.pgeventstore.postgres.internal.load;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.SnapshotsTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.sql.Connection;
import java.sql.SQLException;

/** Reads streams from their snapshots on, and keeps those. */
public final class SnapshotKeeper implements SnapshotHost {

  private final Connections connections;
  private final SnapshotsTable table;

  public SnapshotKeeper(Connections connections, SnapshotsTable table) {
    this.connections = connections;
    this.table = table;
  }

  @Override
  public SnapshotAndTail readWithSnapshot(
      StreamId stream, String name, int revision, long upTo, int limit) {
    try {
      return connections.use(
          connection -> table.readWithTail(connection, stream, name, revision, upTo, limit));
    } catch (SQLException e) {
      throw unreadable(stream, e);
    }
  }

  /** Reads what the caller's transaction sees. */
  public SnapshotAndTail readWithSnapshot(
      Connection connection, StreamId stream, String name, int revision, long upTo, int limit) {
    try {
      return table.readWithTail(connection, stream, name, revision, upTo, limit);
    } catch (SQLException e) {
      throw unreadable(stream, e);
    }
  }

  private static RuntimeException unreadable(StreamId stream, SQLException e) {
    return SqlErrors.of("stream " + stream + " cannot be read from its snapshot on", e);
  }

  @Override
  public void keep(StreamId stream, Snapshot snapshot) {
    try {
      connections.use(
          connection -> {
            table.keep(connection, stream, snapshot);
            return stream;
          });
    } catch (SQLException e) {
      throw SqlErrors.of("snapshot " + snapshot + " of stream " + stream + " cannot be kept", e);
    }
  }
}
