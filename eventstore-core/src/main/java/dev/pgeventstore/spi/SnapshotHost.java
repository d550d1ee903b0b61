package dev.pgeventstore.spi;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StreamId;

/** Streams with snapshots. Stores implement it; applications have no need of it. */
public interface SnapshotHost {

  /**
   * The snapshot of a stream and the events after it, in one round trip.
   *
   * @param stream which stream
   * @param name of the snapshot
   * @param revision the one to be used; a snapshot of another one does not fit
   * @param upTo the last version to take in, 1 or more; a later snapshot does not fit
   * @param limit the most events to return, 1 or more
   * @return both, as one statement sees them
   * @throws EventStoreException if they cannot be read
   */
  SnapshotAndTail readWithSnapshot(
      StreamId stream, String name, int revision, long upTo, int limit);

  /**
   * Replaces the snapshot that the stream has under this name, unless that is of the same or a
   * later version, or the stream is gone or not at that version yet. In a transaction of the caller
   * it does nothing: what is not committed yet may be rolled back, and a failure would break the
   * transaction.
   *
   * @param stream which stream
   * @param snapshot its state
   * @throws EventStoreException if it cannot be written; nothing else is lost then
   */
  void keep(StreamId stream, Snapshot snapshot);
}
