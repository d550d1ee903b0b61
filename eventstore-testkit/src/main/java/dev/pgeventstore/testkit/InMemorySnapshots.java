package dev.pgeventstore.testkit;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The snapshots of a store. Safe for many threads. */
final class InMemorySnapshots implements SnapshotHost {

  private final InMemoryLog log;
  private final Monitor monitor;
  private final Map<StreamId, Map<String, Snapshot>> snapshots = new HashMap<>();

  InMemorySnapshots(InMemoryLog log, Monitor monitor) {
    this.log = log;
    this.monitor = monitor;
  }

  @Override
  public SnapshotAndTail readWithSnapshot(
      StreamId stream, String name, int revision, long upTo, int limit) {
    return monitor.read(
        () -> {
          Optional<Snapshot> snapshot =
              Optional.ofNullable(snapshots.getOrDefault(stream, Map.of()).get(name))
                  .filter(kept -> kept.revision() == revision && kept.version() <= upTo);
          long version = snapshot.map(Snapshot::version).orElse(0L);
          return new Found(
              snapshot,
              version == upTo
                  ? List.of()
                  : log.read(
                      stream, StreamRange.forwardsFrom(version + 1).upTo(upTo).limit(limit)));
        });
  }

  @Override
  public void keep(StreamId stream, Snapshot snapshot) {
    monitor.change(
        () -> {
          if (snapshot.version() <= log.stream(stream).size()) {
            snapshots
                .computeIfAbsent(stream, unused -> new HashMap<>())
                .merge(
                    snapshot.name(),
                    snapshot,
                    (kept, offered) -> offered.version() > kept.version() ? offered : kept);
          }
        });
  }

  private record Found(Optional<Snapshot> snapshot, List<RecordedEvent> tail)
      implements SnapshotAndTail {}
}
