package dev.pgeventstore.spi;

import dev.pgeventstore.RecordedEvent;
import java.util.List;
import java.util.Optional;

/**
 * What it takes to know the state of a stream.
 *
 * @param snapshot to begin with; empty if there is none that fits
 * @param tail the events after it, oldest first, up to the limit that was asked for; the first
 *     events of the stream if there is no snapshot
 */
public record SnapshotAndTail(Optional<Snapshot> snapshot, List<RecordedEvent> tail) {}
