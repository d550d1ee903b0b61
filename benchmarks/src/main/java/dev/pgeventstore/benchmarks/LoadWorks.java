package dev.pgeventstore.benchmarks;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.postgres.ImportedEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.ToLongFunction;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Loads streams without decoding the JSON. The limit is a select of the same stream. */
final class LoadWorks implements Works {

  private static final int LONG = 10_000;
  private static final int FEWER_LONG_ONES = 100;

  private final Stage stage;
  private final Options options;
  private final SnapshotLoad snapshots;

  LoadWorks(Stage stage, Options options) {
    this.stage = stage;
    this.options = options;
    this.snapshots = new SnapshotLoad(stage, options);
  }

  @Override
  public void prepare() throws Exception {
    for (int length : new int[] {10, 100, LONG}) {
      stage.store().importer().run(events(length));
    }
    snapshots.prepare();
    stage.fillPlainTable();
  }

  private Stream<ImportedEvent> events(int length) {
    return LongStream.range(0, (long) streams(length) * length)
        .mapToObj(
            number ->
                ImportedEvent.of(stream(length, number / length), Parcel.number(number % length)));
  }

  private int streams(int length) {
    return length == LONG
        ? (options.streams() + FEWER_LONG_ONES - 1) / FEWER_LONG_ONES
        : options.streams();
  }

  static StreamId stream(int length, long number) {
    return StreamId.of("load" + length, Long.toString(number));
  }

  @Override
  public List<Work> all() {
    return List.of(
        load(10, 1),
        load(10, 8),
        load(100, 1),
        load(100, 8),
        load(LONG, 1),
        load("load %d events lazily, 1 reader".formatted(LONG), LONG, 1, this::countLazily),
        snapshots.work());
  }

  private Work load(int length, int readers) {
    return load(
        "load %d events, %d reader%s".formatted(length, readers, readers == 1 ? "" : "s"),
        length,
        readers,
        stream -> stage.store().read(stream).size());
  }

  private long countLazily(StreamId stream) {
    return stage.store().readLazily(stream, StreamRange.forwards()).count();
  }

  private Work load(String name, int length, int readers, ToLongFunction<StreamId> ours) {
    Crew crew = new Crew(readers, options.seconds());
    return Work.of(
        name,
        () ->
            crew.run(thread -> () -> requireLength(length, ours.applyAsLong(anyStream(length))))
                .perSecond("loads", 1),
        () -> crew.run(thread -> selecter(length)).perSecond("loads", 1));
  }

  private Crew.Worker selecter(int length) throws Exception {
    Connection connection = stage.open();
    PreparedStatement select = PlainTable.selectStream(connection);
    return new Crew.Worker() {
      @Override
      public void once() throws Exception {
        select.setString(1, anyStream(length).toString());
        requireLength(length, PlainTable.read(select, row -> {}));
      }

      @Override
      public void close() throws Exception {
        connection.close();
      }
    };
  }

  private StreamId anyStream(int length) {
    return stream(length, ThreadLocalRandom.current().nextInt(streams(length)));
  }

  private static void requireLength(int length, long found) {
    if (found != length) {
      throw new IllegalStateException("read %d of %d events".formatted(found, length));
    }
  }
}
