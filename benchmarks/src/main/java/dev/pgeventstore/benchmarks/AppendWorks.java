package dev.pgeventstore.benchmarks;

import static dev.pgeventstore.ExpectedVersion.exactly;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.JacksonCodec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;

/**
 * Appends, each expecting the exact version, to streams that end at some length. The limit is an
 * insert of the same events with their JSON made before, in one statement and transaction each.
 */
final class AppendWorks {

  private static final String CATEGORY = "parcel";
  private static final int APPENDS_PER_STREAM = 10;

  private final Stage stage;
  private final Options options;
  private final AtomicLong streams = new AtomicLong();
  private final String json;

  AppendWorks(Stage stage, Options options) throws Exception {
    this.stage = stage;
    this.options = options;
    this.json = JacksonCodec.newMapper().writeValueAsString(Parcel.number(123_456));
  }

  List<Work> all() {
    return List.of(append(1, 1), append(8, 1), append(32, 1), append(8, 100));
  }

  private Work append(int writers, int events) {
    String name =
        "append %d event%s, %d writer%s"
            .formatted(events, events == 1 ? "" : "s", writers, writers == 1 ? "" : "s");
    Crew crew = new Crew(writers, options.seconds());
    return Work.of(
        name,
        () -> crew.run(thread -> appender(events)).withLatencies("events", events),
        () -> crew.run(thread -> inserter(events)).withLatencies("events", events));
  }

  /** Appends to streams of its own. */
  Crew.Worker appender(int events) {
    EventStore store = stage.store();
    return new Crew.Worker() {
      private StreamId stream = StreamId.of(CATEGORY, "none");
      private long version = (long) APPENDS_PER_STREAM * events;
      private long number;

      @Override
      public void once() {
        if (version == (long) APPENDS_PER_STREAM * events) {
          stream = StreamId.of(CATEGORY, Long.toString(streams.incrementAndGet()));
          version = 0;
        }
        List<Parcel> parcels =
            LongStream.range(0, events).mapToObj(i -> Parcel.number(number + i)).toList();
        store.append(stream, exactly(version), parcels);
        number += events;
        version += events;
      }
    };
  }

  private Crew.Worker inserter(int events) throws Exception {
    Connection connection = stage.open();
    PreparedStatement insert = PlainTable.insert(connection, events);
    return new Crew.Worker() {
      private String stream = "";
      private long version = (long) APPENDS_PER_STREAM * events;

      @Override
      public void once() throws Exception {
        if (version == (long) APPENDS_PER_STREAM * events) {
          stream = CATEGORY + '-' + streams.incrementAndGet();
          version = 0;
        }
        for (int i = 0; i < events; i++) {
          PlainTable.bind(insert, i, CATEGORY, stream, ++version, json);
        }
        insert.executeUpdate();
      }

      @Override
      public void close() throws Exception {
        connection.close();
      }
    };
  }
}
