package dev.pgeventstore.benchmarks;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * How soon a subscription hears of an append: of its own process, and of another one. Both tell the
 * time by the clock of the machine. Nothing to compare it with.
 */
final class LatencyWorks implements Works {

  private final Stage stage;
  private final Options options;
  private int measured;
  private Optional<OtherProcess> otherProcess = Optional.empty();

  LatencyWorks(Stage stage, Options options) {
    this.stage = stage;
    this.options = options;
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of(
            "live latency, %d appends/s".formatted(Pace.PER_SECOND),
            () -> measure((key, count) -> AppendingProcess.append(stage.store(), key, count))),
        Work.of(
            "live latency across two processes, %d appends/s".formatted(Pace.PER_SECOND),
            () -> measure(otherProcess()::append)));
  }

  /** The same one in all rounds: it warms up as this one does. */
  private OtherProcess otherProcess() throws Exception {
    if (otherProcess.isEmpty()) {
      otherProcess = Optional.of(OtherProcess.start(stage.url()));
    }
    return otherProcess.get();
  }

  private Figures measure(Appending appending) throws Exception {
    int count = Pace.beats(options.liveSeconds());
    long[] begun = new long[count];
    long[] handled = new long[count];
    CountDownLatch all = new CountDownLatch(count);
    String key = "live-" + ++measured;
    try (Subscription running =
        Subscriptions.of(stage.store())
            .create(key)
            .startAt(Start.end())
            .handler(
                (events, connection) -> {
                  long now = WallClock.micros();
                  for (RecordedEvent event : events) {
                    Parcel parcel = (Parcel) event.payload();
                    begun[(int) parcel.number()] = parcel.begunMicros();
                    handled[(int) parcel.number()] = now;
                    all.countDown();
                  }
                })
            .start()) {
      long started = System.nanoTime();
      long[] returned = appending.append(key, count);
      if (!all.await(1, TimeUnit.MINUTES)) {
        throw new IllegalStateException("events are missing: " + running.status());
      }
      return Figures.perSecond("appends", count, System.nanoTime() - started)
          .with("returned to handler", nanos(returned, handled), 0.5, 0.99, 0.999)
          .with("begun to handler", nanos(begun, handled), 0.5, 0.99, 0.999);
    }
  }

  private static long[] nanos(long[] from, long[] to) {
    long[] differences = new long[from.length];
    for (int i = 0; i < from.length; i++) {
      // The handler may be faster than the thread that appends.
      differences[i] = TimeUnit.MICROSECONDS.toNanos(Math.max(0, to[i] - from[i]));
    }
    return differences;
  }

  @Override
  public void close() throws Exception {
    if (otherProcess.isPresent()) {
      otherProcess.get().close();
    }
  }

  /** Appends numbered events at the common pace. */
  @FunctionalInterface
  interface Appending {

    /** The times when the appends had returned, in microseconds. */
    long[] append(String key, int count) throws Exception;
  }
}
