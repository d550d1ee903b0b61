package dev.pgeventstore.benchmarks;

import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.LongStream;

/**
 * Loads streams as they were stored, JSON not decoded. The limit is a select of the same stream.
 */
final class LoadWorks {

  private final Stage stage;
  private final Options options;

  LoadWorks(Stage stage, Options options) throws Exception {
    this.stage = stage;
    this.options = options;
    for (int length : new int[] {10, 100}) {
      List<Parcel> parcels = LongStream.range(0, length).mapToObj(Parcel::number).toList();
      for (int i = 0; i < options.streams(); i++) {
        stage.store().append(stream(length, i), ExpectedVersion.noStream(), parcels);
      }
    }
    stage.fillPlainTable();
  }

  private static StreamId stream(int length, int number) {
    return StreamId.of("load" + length, Integer.toString(number));
  }

  List<Work> all() {
    return List.of(load(10, 1), load(10, 8), load(100, 1), load(100, 8));
  }

  private Work load(int length, int readers) {
    Crew crew = new Crew(readers, options.seconds());
    return Work.of(
        "load %d events, %d reader%s".formatted(length, readers, readers == 1 ? "" : "s"),
        () -> crew.run(thread -> reader(length)).perSecond("loads", 1),
        () -> crew.run(thread -> selecter(length)).perSecond("loads", 1));
  }

  private Crew.Worker reader(int length) {
    return () -> requireLength(length, stage.store().read(anyStream(length)).size());
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
    return stream(length, ThreadLocalRandom.current().nextInt(options.streams()));
  }

  private static void requireLength(int length, int found) {
    if (found != length) {
      throw new IllegalStateException("read %d of %d events".formatted(found, length));
    }
  }
}
