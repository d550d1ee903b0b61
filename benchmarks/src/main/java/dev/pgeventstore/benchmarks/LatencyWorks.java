package dev.pgeventstore.benchmarks;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * How soon a subscription handles an append of its own process, and of another process. Both use
 * the clock of the machine. There is nothing to compare this with.
 */
final class LatencyWorks implements Works {

  private static final int SUBSCRIPTIONS = 10;

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
            () -> measure(1, this::append)),
        Work.of(
            "live latency, %d subscriptions, %d appends/s"
                .formatted(SUBSCRIPTIONS, Pace.PER_SECOND),
            () -> measure(SUBSCRIPTIONS, this::append)),
        Work.of(
            "live latency across two processes, %d appends/s".formatted(Pace.PER_SECOND),
            () -> measure(1, otherProcess()::append)));
  }

  /** The same process in all rounds, so that it warms up as this one does. */
  private OtherProcess otherProcess() throws Exception {
    if (otherProcess.isEmpty()) {
      otherProcess = Optional.of(OtherProcess.start(stage.url()));
    }
    return otherProcess.get();
  }

  private long[] append(String key, int count) {
    return AppendingProcess.append(stage.store(), key, count);
  }

  private Figures measure(int subscriptions, Appending appending) throws Exception {
    int count = Pace.beats(options.liveSeconds());
    String key = "live-" + ++measured;
    List<Heard> all = new ArrayList<>();
    try {
      for (int i = 0; i < subscriptions; i++) {
        all.add(new Heard(key + "-" + i, count));
      }
      long started = System.nanoTime();
      long[] returned = appending.append(key, count);
      long[] sinceReturned = new long[0];
      long[] sinceBegun = new long[0];
      for (Heard heard : all) {
        heard.awaitAll();
        sinceReturned = joined(sinceReturned, nanos(returned, heard.handled));
        sinceBegun = joined(sinceBegun, nanos(heard.begun, heard.handled));
      }
      return Figures.perSecond("appends", count, System.nanoTime() - started)
          .with("returned to handler", sinceReturned, 0.5, 0.99, 0.999)
          .with("begun to handler", sinceBegun, 0.5, 0.99, 0.999);
    } finally {
      all.forEach(Heard::close);
    }
  }

  private static long[] joined(long[] some, long[] more) {
    long[] all = Arrays.copyOf(some, some.length + more.length);
    System.arraycopy(more, 0, all, some.length, more.length);
    return all;
  }

  private static long[] nanos(long[] from, long[] to) {
    long[] differences = new long[from.length];
    for (int i = 0; i < from.length; i++) {
      // The handler may be called before the append has returned to its thread.
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

    /** Returns the times at which the appends returned, in microseconds. */
    long[] append(String key, int count) throws Exception;
  }

  /** The times at which one subscription handles the appends. */
  private final class Heard implements AutoCloseable {
    private final long[] begun;
    private final long[] handled;
    private final CountDownLatch all;
    private final Subscription subscription;

    Heard(String name, int count) {
      begun = new long[count];
      handled = new long[count];
      all = new CountDownLatch(count);
      subscription =
          Subscriptions.of(stage.store())
              .create(name)
              .startAt(Start.end())
              .handler(batch -> hear(batch.events()))
              .start();
    }

    private void hear(List<RecordedEvent> events) {
      long now = WallClock.micros();
      for (RecordedEvent event : events) {
        Parcel parcel = (Parcel) event.payload();
        begun[(int) parcel.number()] = parcel.begunMicros();
        handled[(int) parcel.number()] = now;
        all.countDown();
      }
    }

    void awaitAll() throws InterruptedException {
      if (!all.await(1, TimeUnit.MINUTES)) {
        throw new IllegalStateException("events are missing: " + subscription.status());
      }
    }

    @Override
    public void close() {
      subscription.close();
    }
  }
}
