package dev.pgeventstore.postgres;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.postgres.internal.append.Appender;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.load.SnapshotKeeper;
import dev.pgeventstore.postgres.internal.load.StreamReader;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;

/** Appends and reads in a transaction that the caller begins and ends. */
final class CallersTransaction implements EventStreams, Outbox, SnapshotHost {

  private final Connection connection;
  private final Appender appender;
  private final StreamReader reader;
  private final SnapshotKeeper snapshots;
  private final HighWaterMark highWaterMark;

  CallersTransaction(
      Connection connection,
      Appender appender,
      StreamReader reader,
      SnapshotKeeper snapshots,
      HighWaterMark highWaterMark) {
    this.connection = connection;
    this.appender = appender;
    this.reader = reader;
    this.snapshots = snapshots;
    this.highWaterMark = highWaterMark;
  }

  @Override
  public AppendResult append(Append append) {
    AppendResult result = appender.append(append, connection);
    // Nothing is committed yet, but from now on the observer sees the transaction and waits for
    // its end.
    highWaterMark.appending();
    return result;
  }

  @Override
  public Position publish(List<OutboxMessage> messages) {
    Position last = appender.publish(List.copyOf(messages), connection);
    highWaterMark.appending();
    return last;
  }

  @Override
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    return reader.read(connection, stream, range);
  }

  @Override
  public SnapshotAndTail readWithSnapshot(
      StreamId stream, String name, int revision, long upTo, int limit) {
    return snapshots.readWithSnapshot(connection, stream, name, revision, upTo, limit);
  }

  @Override
  public void keep(StreamId stream, Snapshot snapshot) {
    // This transaction may have seen its own rows, which may never be committed.
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    return type.isInstance(this) ? Optional.of(type.cast(this)) : Optional.empty();
  }
}
