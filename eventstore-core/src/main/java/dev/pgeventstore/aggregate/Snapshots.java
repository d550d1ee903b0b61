package dev.pgeventstore.aggregate;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.SnapshotCodec;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The snapshots of some aggregates. They save work and are never the truth: if one cannot be used,
 * this is logged, and the state is built from the events.
 */
final class Snapshots<S> {

  private static final Logger LOG = LoggerFactory.getLogger(Snapshots.class);

  /** More than what usually follows a snapshot; a longer tail is read slice by slice. */
  private static final int TAIL = 500;

  private final SnapshotHost host;
  private final SnapshotCodec<S> codec;
  private final int every;
  private final AtomicBoolean unreadable = new AtomicBoolean();

  Snapshots(SnapshotHost host, SnapshotCodec<S> codec, int every) {
    this.host = host;
    this.codec = codec;
    this.every = every;
  }

  /** Where to begin: with the latest snapshot that fits, or with the first event. */
  Beginning<S> beginning(StreamId stream, S initial, long upTo) {
    SnapshotAndTail found =
        host.readWithSnapshot(stream, codec.name(), codec.revision(), upTo, TAIL);
    boolean complete = found.tail().size() < TAIL;
    Optional<Snapshot> snapshot = found.snapshot();
    if (snapshot.isEmpty()) {
      return new Beginning<>(initial, 0, found.tail(), complete);
    }
    S state = decode(stream, snapshot.get());
    return state == null
        ? new Beginning<>(initial, 0, List.of(), false)
        : new Beginning<>(state, snapshot.get().version(), found.tail(), complete);
  }

  private @Nullable S decode(StreamId stream, Snapshot snapshot) {
    try {
      return codec.decode(snapshot.stateUtf8());
    } catch (RuntimeException e) {
      // Once: a shape that changed without its revision would log this at every load.
      if (unreadable.compareAndSet(false, true)) {
        LOG.info(
            "Snapshot {} of stream {} cannot be read, so all events are, as with every other such"
                + " snapshot: {}",
            snapshot,
            stream,
            Causes.text(e));
      }
      return null;
    }
  }

  /**
   * Stores a snapshot of a state if one is due. The state is one that was loaded, not one that was
   * just decided: its events are stored, and every reader gets the same from there. Nothing is
   * thrown, as the command has already succeeded.
   *
   * @param begun the version of the snapshot that the state was built from, 0 if from none
   */
  void keep(Aggregate<S> loaded, long begun) {
    if (loaded.version() / every == begun / every) {
      return;
    }
    try {
      host.keep(
          loaded.stream(),
          Snapshot.of(
              codec.name(), codec.revision(), loaded.version(), codec.encode(loaded.state())));
    } catch (RuntimeException | Error e) {
      // The command is committed: it must not look as if it had failed.
      LOG.warn(
          "No snapshot was kept of {} at version {}, so more events are read until the next one: {}",
          loaded.stream(),
          loaded.version(),
          Causes.text(e));
    }
  }

  /**
   * What a fold begins with.
   *
   * @param state at {@code version}
   * @param version of the snapshot, 0 if there is none
   * @param tail the events after it
   * @param complete whether nothing came after the tail
   */
  record Beginning<S>(S state, long version, List<RecordedEvent> tail, boolean complete) {}
}
