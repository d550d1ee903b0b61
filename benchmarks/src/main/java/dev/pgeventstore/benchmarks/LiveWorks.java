package dev.pgeventstore.benchmarks;

import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** How soon a subscription hears of an append, and what it costs those who append. */
final class LiveWorks {

  private static final int APPENDS_PER_SECOND = 200;
  private static final long APART_NANOS = TimeUnit.SECONDS.toNanos(1) / APPENDS_PER_SECOND;

  private final Stage stage;
  private final Options options;
  private final AppendWorks appends;
  private final AtomicInteger names = new AtomicInteger();

  LiveWorks(Stage stage, Options options, AppendWorks appends) {
    this.stage = stage;
    this.options = options;
    this.appends = appends;
  }

  List<Work> all() {
    return List.of(
        Work.of("live latency, %d appends/s".formatted(APPENDS_PER_SECOND), this::latency),
        observed(1),
        observed(8));
  }

  private Figures latency() throws Exception {
    int count = Math.max(1, (int) (options.liveSeconds().toNanos() / APART_NANOS));
    long[] begun = new long[count];
    long[] returned = new long[count];
    long[] handled = new long[count];
    CountDownLatch all = new CountDownLatch(count);
    String key = "live" + names.incrementAndGet() + '-';
    long started;
    try (Subscription running =
        Subscriptions.of(stage.store())
            .create(key)
            .startAt(Start.end())
            .handler(
                (events, connection) -> {
                  long now = System.nanoTime();
                  events.forEach(
                      event -> {
                        handled[(int) ((Parcel) event.payload()).number()] = now;
                        all.countDown();
                      });
                })
            .start()) {
      started = System.nanoTime();
      for (int i = 0; i < count; i++) {
        pauseUntil(started + i * APART_NANOS);
        begun[i] = System.nanoTime();
        stage
            .store()
            .append(
                StreamId.of("live", key + i),
                ExpectedVersion.noStream(),
                List.of(Parcel.number(i)));
        returned[i] = System.nanoTime();
      }
      if (!all.await(1, TimeUnit.MINUTES)) {
        throw new IllegalStateException("events are missing: " + running.status());
      }
    }
    return Figures.perSecond("appends", count, System.nanoTime() - started)
        .with("returned to handler", differences(returned, handled), 0.5, 0.99, 0.999)
        .with("begun to handler", differences(begun, handled), 0.5, 0.99, 0.999);
  }

  private static void pauseUntil(long nanos) {
    for (long left = nanos - System.nanoTime(); left > 0; left = nanos - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  private static long[] differences(long[] from, long[] to) {
    long[] differences = new long[from.length];
    for (int i = 0; i < from.length; i++) {
      // The handler may be faster than the thread that appends.
      differences[i] = Math.max(0, to[i] - from[i]);
    }
    return differences;
  }

  /** Here the limit is the store itself, with nobody subscribed. */
  private Work observed(int writers) {
    Crew crew = new Crew(writers, options.seconds());
    return Work.of(
        "append 1 event, %d writer%s, live subscription : none"
            .formatted(writers, writers == 1 ? "" : "s"),
        () -> {
          try (Subscription running =
              Subscriptions.of(stage.store())
                  .create("observer-" + names.incrementAndGet())
                  .startAt(Start.end())
                  .handler((events, connection) -> {})
                  .start()) {
            return crew.run(thread -> appends.appender(1)).withLatencies("events", 1);
          }
        },
        () -> crew.run(thread -> appends.appender(1)).withLatencies("events", 1));
  }
}
