package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A backlog that is larger than the heap, and handlers that are slower than the reading. */
@ExtendWith(PostgresExtension.class)
class BacklogTest {

  private static final int LARGE = 800_000;
  private static final Duration PATIENCE = Duration.ofMinutes(4);

  @Test
  @Tag("faults")
  void a_backlog_of_several_heaps_is_handled_by_slow_handlers(Database database) throws Exception {
    handled(database, 150_000, "-Xmx40m");
  }

  @Test
  @Tag("soak")
  void a_million_events_are_handled_by_slow_handlers(Database database) throws Exception {
    handled(database, 1_000_000, "-Xmx128m");
  }

  private static void handled(Database database, int small, String heap) throws Exception {
    try (TestStore store = new TestStore(database)) {
      store
          .store
          .importer()
          .run(
              IntStream.range(0, small)
                  .mapToObj(
                      i ->
                          ImportedEvent.of(
                              StreamId.of("order", Integer.toString(i / 10)),
                              json(i % (small / 100) == 0 ? LARGE : 200))));
      Process process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  heap,
                  "-XX:+UseSerialGC",
                  "-XX:+ExitOnOutOfMemoryError",
                  "-cp",
                  System.getProperty("java.class.path"),
                  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                  SlowHandlers.class.getName(),
                  database.url(),
                  Integer.toString(small))
              .inheritIO()
              .start();
      try {
        assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
      } finally {
        process.destroyForcibly();
      }
      assertThat(process.exitValue()).isZero();
    }
  }

  private static EncodedEvent json(int bytes) {
    return EncodedEvent.of("happened", 1, '"' + "x".repeat(bytes) + '"');
  }

  /** A process with little memory, whose handlers are slow, each at its own pace. */
  static final class SlowHandlers {

    private SlowHandlers() {}

    /** Database URL, number of events. */
    public static void main(String[] arguments) throws Exception {
      long events = Long.parseLong(arguments[1]);
      try (TestStore store = new TestStore(new Database(arguments[0]))) {
        List<AtomicLong> counts = new ArrayList<>();
        List<Subscription> running = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          AtomicLong count = new AtomicLong();
          long pace = TimeUnit.MILLISECONDS.toNanos(3L * i);
          counts.add(count);
          running.add(
              Subscriptions.of(store.store)
                  .create("slow-" + i)
                  .query(i < 2 ? EventQuery.all() : EventQuery.all().categories("order"))
                  .batchSize(500)
                  .handler(
                      batch -> {
                        count.addAndGet(batch.events().size());
                        LockSupport.parkNanos(pace);
                      })
                  .start());
        }
        awaitAll(running, Position.of(events));
        for (AtomicLong count : counts) {
          if (count.get() != events) {
            throw new IllegalStateException("handled " + counts + " of " + events);
          }
        }
        running.forEach(Subscription::close);
      }
    }

    private static void awaitAll(List<Subscription> running, Position last) throws Exception {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (running.stream().anyMatch(s -> s.status().position().compareTo(last) < 0)) {
        if (System.nanoTime() > deadline) {
          throw new TimeoutException();
        }
        TimeUnit.MILLISECONDS.sleep(20);
      }
    }
  }
}
