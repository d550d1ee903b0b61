package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
class RelayBacklogTest {

  private static final int EVENTS = 100_000;
  private static final Duration PREPARING = Duration.ofSeconds(2);

  @Test
  void a_backlog_is_caught_up_with_in_a_small_heap_while_more_is_appended(
      Database database, KafkaBroker broker, @TempDir Path folder) throws Exception {
    catchUp(60_000, database, broker, folder);
  }

  @Test
  @Tag("soak")
  void a_large_backlog_is_caught_up_with_in_a_small_heap_while_more_is_appended(
      Database database, KafkaBroker broker, @TempDir Path folder) throws Exception {
    catchUp(EVENTS, database, broker, folder);
  }

  private static void catchUp(int backlog, Database database, KafkaBroker broker, Path folder)
      throws Exception {
    try (Bench bench = new Bench(database, broker)) {
      bench.appendBacklog(backlog, 1_000);
      Load load = new Load(bench);
      // All of it would not fit.
      try (RelayProcess relay = new RelayProcess(bench, folder, "warn", Map.of(), "-Xmx48m")) {
        await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") > 0);
        if (bench.broker.canBeKilled()) {
          // Time to prepare more than there is room for, which must not happen.
          bench.broker.pause();
          Thread.sleep(PREPARING.toMillis());
          bench.broker.resume();
        }
        await().atMost(Duration.ofMinutes(3)).until(() -> relay.count("eventsSent") > backlog);
        long last = load.stop().position().value();
        await().atMost(Bench.PATIENCE).until(() -> relay.count("position") >= last);
        assertThat(relay.output()).doesNotContain("OutOfMemory");
      }
      bench.check();
    }
  }

  @Test
  @Tag("soak")
  void a_large_backlog_is_published_in_a_small_heap(
      Database database, KafkaBroker broker, @TempDir Path folder) {
    try (Bench bench = new Bench(database, broker)) {
      bench.appendBacklog(EVENTS, 200);
      // It has 128 MB of heap.
      try (RelayProcess relay = new RelayProcess(bench, folder)) {
        await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") > 0);
        long started = System.nanoTime();
        long before = relay.count("eventsSent");
        await().atMost(Duration.ofMinutes(3)).until(() -> relay.count("eventsSent") == EVENTS);
        double seconds = (System.nanoTime() - started) / 1e9;
        System.out.printf(
            "%d events in %.1f s: %.0f a second, %s%n",
            EVENTS - before, seconds, (EVENTS - before) / seconds, relay.status());
      }
      bench.check();
    }
  }
}
