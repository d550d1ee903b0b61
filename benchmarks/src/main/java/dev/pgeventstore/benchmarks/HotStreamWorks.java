package dev.pgeventstore.benchmarks;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;

import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;

/**
 * Several threads that write to one stream. Each retries until it succeeds, and only successes
 * count. If the store's append expects an exact version, it retries with the version in the
 * conflict. The limit reads the largest version, inserts the next one, and retries if another
 * writer was faster.
 */
final class HotStreamWorks implements Works {

  private static final int WRITERS = 8;

  private final Stage stage;
  private final Crew crew;
  private final String json;

  HotStreamWorks(Stage stage, Options options) throws Exception {
    this.stage = stage;
    this.crew = new Crew(WRITERS, options.seconds());
    this.json = JacksonCodec.newMapper().writeValueAsString(Parcel.number(123_456));
  }

  @Override
  public List<Work> all() {
    return List.of(
        work("any version", this::withoutExpectation, this::untilNoDuplicate),
        work("exact version", this::untilNoConflict, this::decidingOnWhatWasRead));
  }

  private Work work(String expected, Joining ours, Joining limit) {
    return Work.of(
        "append 1 event, %d writers on one stream, %s".formatted(WRITERS, expected),
        () -> measure(ours),
        () -> measure(limit));
  }

  private Figures measure(Joining joining) throws Exception {
    StreamId stream = stage.newStream();
    return crew.run(thread -> joining.join(stream)).withLatencies("events", 1);
  }

  private Crew.Worker withoutExpectation(StreamId stream) {
    EventStore store = stage.store();
    return () -> store.append(stream, any(), List.of(Parcel.number(123_456)));
  }

  private Crew.Worker untilNoConflict(StreamId stream) {
    EventStore store = stage.store();
    return new Crew.Worker() {
      private long version;

      @Override
      public void once() {
        while (true) {
          try {
            version =
                store.append(stream, exactly(version), List.of(Parcel.number(123_456))).version();
            return;
          } catch (ConflictException e) {
            version = e.streams().get(0).actual();
          }
        }
      }
    };
  }

  private Crew.Worker untilNoDuplicate(StreamId stream) throws Exception {
    Connection connection = stage.open();
    PreparedStatement insert = PlainTable.insertNext(connection, stream, json);
    return new Crew.Worker() {
      @Override
      public void once() throws Exception {
        while (!PlainTable.insertedNext(insert)) {
          // Another writer was faster.
        }
      }

      @Override
      public void close() throws Exception {
        connection.close();
      }
    };
  }

  /**
   * To expect a version, the limit must read it, and read it again if another writer was faster.
   */
  private Crew.Worker decidingOnWhatWasRead(StreamId stream) throws Exception {
    Connection connection = stage.open();
    PreparedStatement select = PlainTable.selectVersion(connection, stream);
    PreparedStatement insert = PlainTable.insert(connection, 1);
    return new Crew.Worker() {
      @Override
      public void once() throws Exception {
        do {
          long version = PlainTable.version(select) + 1;
          PlainTable.bind(insert, 0, stream.category(), stream.toString(), version, json);
        } while (!PlainTable.inserted(insert));
      }

      @Override
      public void close() throws Exception {
        connection.close();
      }
    };
  }

  /** Creates the worker of a thread. */
  @FunctionalInterface
  private interface Joining {
    Crew.Worker join(StreamId stream) throws Exception;
  }
}
