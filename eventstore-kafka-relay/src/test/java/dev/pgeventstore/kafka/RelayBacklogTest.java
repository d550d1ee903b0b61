package dev.pgeventstore.kafka;

import static org.awaitility.Awaitility.await;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayBacklogTest {

  private static final int EVENTS = 100_000;

  @Test
  @Tag("soak")
  void a_large_backlog_is_published_in_a_small_heap(
      Database database, KafkaBroker broker, @TempDir Path folder) {
    try (Bench bench = new Bench(database, broker)) {
      bench.appendBacklog(EVENTS, 200);
      // It has 128 MB of heap.
      try (RelayProcess relay = new RelayProcess(bench, folder, true)) {
        await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") > 0);
        long started = System.nanoTime();
        long before = relay.count("eventsSent");
        await().atMost(Duration.ofMinutes(3)).until(() -> relay.count("eventsSent") == EVENTS);
        double seconds = (System.nanoTime() - started) / 1e9;
        System.out.printf(
            "%d events in %.1f s: %.0f a second, %s%n",
            EVENTS - before, seconds, (EVENTS - before) / seconds, relay.status());
      }
      ExactSequence.check(bench.stored(), bench.consumed());
    }
  }
}
