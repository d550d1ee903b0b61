package dev.pgeventstore.examples.histories;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.aggregate.Aggregate;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.codec.jackson.JacksonSnapshots;
import dev.pgeventstore.examples.histories.MeterEvent.Read;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * How does a long history load fast? With snapshots, which have their own revision. If a program
 * must look at each event, it reads the stream lazily.
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class LongHistory {

  private static final int EVENTS = 100_000;
  private static final int IN_ONE_APPEND = 1_000;
  private static final String KEY = "kitchen";
  private static final StreamId STREAM = StreamId.of("meter", KEY);

  private final EventStore store;
  private final Consumer<String> tell;

  LongHistory(EventStore store, Consumer<String> tell) {
    this.store = store;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments the number of readings, {@value #EVENTS} if there is none
   */
  public static void main(String[] arguments) {
    int readings = arguments.length == 0 ? EVENTS : Integer.parseInt(arguments[0]);
    try (PostgresServer server = PostgresServer.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 4);
        EventStore store = store(pool)) {
      new LongHistory(store, System.out::println).run(readings);
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(MeterEvent.class)))
        .build();
  }

  Outcome run(int readings) {
    write(readings);
    Aggregates<Meter, MeterEvent> meters = Aggregates.of(store, "meter", Meter.EVOLUTION);
    Aggregate<Meter> full = timed("from all events", () -> meters.load(KEY));

    // An older version of the program has kept a snapshot, which lacks the largest reading.
    meters
        .snapshotEvery(200, JacksonSnapshots.of(Meter.class, "meter", 1))
        .execute(KEY, meter -> meter.read(7));

    Aggregates<Meter, MeterEvent> fast = meters.snapshotEvery(200, Meter.SNAPSHOTS);
    Aggregate<Meter> discarded =
        timed("from all events, as the snapshot is of another revision", () -> fast.load(KEY));
    fast.execute(KEY, meter -> meter.read(8));
    Aggregate<Meter> quick = timed("from a snapshot and what follows it", () -> fast.load(KEY));

    long above = quick.state().most() - 1;
    RecordedEvent peak =
        store
            .readLazily(STREAM, StreamRange.backwards())
            .filter(event -> event.payload() instanceof Read read && read.wattHours() > above)
            .findFirst()
            .orElseThrow();
    tell.accept("The latest of the largest readings is event %d.".formatted(peak.version()));
    return new Outcome(full, discarded, quick, peak.version());
  }

  private void write(int readings) {
    Aggregates.of(store, "meter", Meter.EVOLUTION).execute(KEY, meter -> meter.install(KEY));
    for (long first = 1; first <= readings; first += IN_ONE_APPEND) {
      List<Read> some =
          LongStream.range(first, Math.min(first + IN_ONE_APPEND, readings + 1L))
              .mapToObj(LongHistory::reading)
              .toList();
      store.append(STREAM, ExpectedVersion.streamExists(), some);
    }
    tell.accept("%s has %,d readings.".formatted(STREAM, readings));
  }

  private static Read reading(long number) {
    return new Read(number * 7919 % 1000);
  }

  private Aggregate<Meter> timed(String how, Supplier<Aggregate<Meter>> load) {
    long started = System.nanoTime();
    Aggregate<Meter> meter = load.get();
    tell.accept(
        "Loaded %s: %s, in %.1f ms"
            .formatted(how, meter.state(), (System.nanoTime() - started) / 1e6));
    return meter;
  }

  /** What was loaded in each way, and the version of the largest reading. */
  record Outcome(
      Aggregate<Meter> full, Aggregate<Meter> discarded, Aggregate<Meter> quick, long peak) {}
}
