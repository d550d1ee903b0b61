package dev.pgeventstore.benchmarks;

import static dev.pgeventstore.ExpectedVersion.exactly;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * Writers that each write to their own streams. The store's writers expect the exact version, and
 * make JSON from a record. The limit inserts the same events, with JSON that was made before, and
 * as many of them in one statement and transaction.
 */
final class Writers {

  static final int APPENDS_PER_STREAM = 10;

  private final Stage stage;
  private final Supplier<StreamId> newStream;
  private final String json;

  Writers(Stage stage, Supplier<StreamId> newStream) throws Exception {
    this.stage = stage;
    this.newStream = newStream;
    this.json = JacksonCodec.newMapper().writeValueAsString(Parcel.number(123_456));
  }

  /** A writer of the store. */
  Crew.Worker appender(int events) {
    return appender(stage.store(), events);
  }

  /** A writer of another store over the same tables. */
  Crew.Worker appender(EventStore store, int events) {
    return new Crew.Worker() {
      private StreamId stream = newStream.get();
      private long version;
      private long number;

      @Override
      public void once() {
        if (version == (long) APPENDS_PER_STREAM * events) {
          stream = newStream.get();
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

  /** A writer of the limit. */
  Crew.Worker inserter(int events) throws Exception {
    Connection connection = stage.open();
    PreparedStatement insert = PlainTable.insert(connection, events);
    return new Crew.Worker() {
      private StreamId stream = newStream.get();
      private long version;

      @Override
      public void once() throws Exception {
        if (version == (long) APPENDS_PER_STREAM * events) {
          stream = newStream.get();
          version = 0;
        }
        for (int i = 0; i < events; i++) {
          PlainTable.bind(insert, i, stream.category(), stream.toString(), ++version, json);
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
