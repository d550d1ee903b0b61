package dev.pgeventstore.benchmarks;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Loads streams of 100 events from a snapshot on, without decoding snapshot or events. The limit
 * selects the snapshot, and then the events after it.
 */
final class SnapshotLoad {

  private static final String NAME = "parcel";
  private static final int LENGTH = 100;
  private static final int TAIL = 10;

  private final Stage stage;
  private final Options options;

  SnapshotLoad(Stage stage, Options options) {
    this.stage = stage;
    this.options = options;
  }

  /** Stores a snapshot of each stream; the streams already exist. */
  void prepare() throws Exception {
    byte[] state = JacksonCodec.newMapper().writeValueAsBytes(Parcel.number(LENGTH - TAIL));
    for (int i = 0; i < options.streams(); i++) {
      stage
          .store()
          .unwrap(SnapshotHost.class)
          .orElseThrow()
          .keep(LoadWorks.stream(LENGTH, i), Snapshot.of(NAME, 1, LENGTH - TAIL, state));
    }
  }

  Work work() {
    Crew crew = new Crew(1, options.seconds());
    return Work.of(
        "load a snapshot and %d events, 1 reader".formatted(TAIL),
        () -> crew.run(thread -> this::read).perSecond("loads", 1),
        () -> crew.run(thread -> selecter()).perSecond("loads", 1));
  }

  private void read() {
    SnapshotAndTail read =
        stage
            .store()
            .unwrap(SnapshotHost.class)
            .orElseThrow()
            .readWithSnapshot(anyStream(), NAME, 1, Long.MAX_VALUE, Integer.MAX_VALUE);
    requireBoth(read.snapshot().isPresent(), read.tail().size());
  }

  private Crew.Worker selecter() throws Exception {
    Connection connection = stage.open();
    PreparedStatement snapshot = PlainTable.selectSnapshot(connection);
    PreparedStatement tail = PlainTable.selectTail(connection);
    return new Crew.Worker() {
      @Override
      public void once() throws Exception {
        String stream = anyStream().toString();
        snapshot.setString(1, stream);
        snapshot.setString(2, NAME);
        try (ResultSet row = snapshot.executeQuery()) {
          boolean found = row.next();
          tail.setString(1, stream);
          tail.setLong(2, row.getLong(1));
          requireBoth(found && row.getBytes(2).length > 0, PlainTable.read(tail, event -> {}));
        }
      }

      @Override
      public void close() throws Exception {
        connection.close();
      }
    };
  }

  private StreamId anyStream() {
    return LoadWorks.stream(LENGTH, ThreadLocalRandom.current().nextInt(options.streams()));
  }

  private static void requireBoth(boolean snapshot, int tail) {
    if (!snapshot || tail != TAIL) {
      throw new IllegalStateException(
          "read %s snapshot and %d of %d events".formatted(snapshot ? "a" : "no", tail, TAIL));
    }
  }
}
