package dev.pgeventstore.spi;

import dev.pgeventstore.RecordedEvent;
import java.util.List;
import java.util.Optional;

/**
 * The parts from which the state of a stream is built. Stores implement it; it may get more
 * methods.
 */
public interface SnapshotAndTail {

  /**
   * The snapshot to begin with.
   *
   * @return empty if there is none that fits
   */
  Optional<Snapshot> snapshot();

  /**
   * The events after it, up to the limit that was asked for.
   *
   * @return oldest first; the first events of the stream if there is no snapshot
   */
  List<RecordedEvent> tail();
}
