package dev.pgeventstore.benchmarks;

import static dev.pgeventstore.ExpectedVersion.exactly;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One thread that appends without waiting for responses, with a limited number of appends in
 * flight. There are as many streams as appends in flight, and they take turns. The limit is one
 * thread of plain JDBC, which waits for each response, or 32 such threads.
 */
final class PipelineWorks implements Works {

  private static final int MOST_IN_FLIGHT = 2_048;
  private static final int PLAIN_WRITERS = 32;

  private final Stage stage;
  private final Options options;
  private final Writers writers;
  private final int plainConnections;

  PipelineWorks(Stage stage, Options options, Writers writers, int plainConnections) {
    this.stage = stage;
    this.options = options;
    this.writers = writers;
    this.plainConnections = plainConnections;
  }

  @Override
  public List<Work> all() {
    return List.of(
        pipeline(512, 1, ""),
        pipeline(MOST_IN_FLIGHT, 1, ""),
        pipeline(
            MOST_IN_FLIGHT,
            Math.min(PLAIN_WRITERS, plainConnections),
            " : %d plain writers".formatted(PLAIN_WRITERS)));
  }

  private Work pipeline(int inFlight, int plainWriters, String comparedWith) {
    Crew limit = new Crew(plainWriters, options.seconds());
    return Work.of(
        "append 1 event, 1 thread, %d in flight%s".formatted(inFlight, comparedWith),
        () -> ours(inFlight),
        () -> limit.run(thread -> writers.inserter(1)).withLatencies("events", 1));
  }

  private Figures ours(int inFlight) throws Exception {
    EventStore store = stage.store();
    Semaphore room = new Semaphore(inFlight);
    Completions completions = new Completions();
    StreamId[] streams = new StreamId[inFlight];
    long started = System.nanoTime();
    long begun = started;
    for (long number = 0; begun - started < options.seconds().toNanos(); number++) {
      acquire(room, 1);
      int turn = (int) (number % inFlight);
      long version = number / inFlight % Writers.APPENDS_PER_STREAM;
      if (version == 0) {
        streams[turn] = stage.newStream();
      }
      begun = System.nanoTime();
      long since = begun;
      store
          .appendAsync(streams[turn], exactly(version), List.of(Parcel.number(number)))
          .whenComplete(
              (result, failure) -> {
                completions.add(System.nanoTime() - since, failure);
                room.release();
              });
    }
    acquire(room, inFlight);
    long[] latencies = completions.latencies();
    return Figures.perSecond("events", latencies.length, System.nanoTime() - started)
        .with("", latencies, 0.5, 0.99);
  }

  private static void acquire(Semaphore room, int permits) throws Exception {
    if (!room.tryAcquire(permits, 1, TimeUnit.MINUTES)) {
      throw new TimeoutException("appends were not answered within a minute");
    }
  }
}
