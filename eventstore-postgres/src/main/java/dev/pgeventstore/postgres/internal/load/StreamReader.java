package dev.pgeventstore.postgres.internal.load;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/** Reads one stream, by its index. */
public final class StreamReader {

  private final Connections connections;
  private final EventsTable events;

  public StreamReader(Connections connections, EventsTable events) {
    this.connections = connections;
    this.events = events;
  }

  /** Reads what is committed. */
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    try {
      return connections.use(connection -> events.readStream(connection, stream, range));
    } catch (SQLException e) {
      throw failed(stream, e);
    }
  }

  /** Reads what the caller's transaction sees. */
  public List<RecordedEvent> read(Connection connection, StreamId stream, StreamRange range) {
    try {
      return events.readStream(connection, stream, range);
    } catch (SQLException e) {
      throw failed(stream, e);
    }
  }

  private static RuntimeException failed(StreamId stream, SQLException e) {
    return SqlErrors.of("stream " + stream + " cannot be read", e);
  }
}
