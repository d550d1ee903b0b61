package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Many outbox messages of several writers, and relays in a small heap that are killed. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
class RelayMessagesTest {

  private static final int WRITERS = 4;

  @TempDir private Path folder;

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void of_twenty_thousand_each_that_was_committed_is_published_once_and_in_order(
      Shape shape, Database database, KafkaBroker broker) throws Exception {
    publish(20_000, 2, shape, database, broker);
  }

  @Tag("soak")
  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#all")
  void of_a_million_each_that_was_committed_is_published_once_and_in_order(
      Shape shape, Database database, KafkaBroker broker) throws Exception {
    publish(1_000_000, 10, shape, database, broker);
  }

  private void publish(int messages, int kills, Shape shape, Database database, KafkaBroker broker)
      throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    System.out.println("seed " + seed + ", " + shape);
    try (Bench bench = new Bench(database, broker, shape)) {
      MessageLoad load = new MessageLoad(bench, WRITERS, messages / WRITERS);
      for (int kill = 0; kill < kills; kill++) {
        try (RelayProcess relay = relay(bench)) {
          await().atMost(Bench.PATIENCE).until(() -> relay.count("messagesSent") > 0);
          // At any moment: this chooses it, nothing is waited for.
          Thread.sleep(random.nextInt(300));
          relay.killHard();
          assertThat(relay.output()).doesNotContain("OutOfMemory");
        }
      }
      try (RelayProcess relay = relay(bench)) {
        load.join();
        AppendResult last = bench.append("order-1", 1);
        await()
            .atMost(Bench.PATIENCE.multipliedBy(5))
            .until(() -> relay.count("position") >= last.position().value());
        assertThat(load.refusal()).isEmpty();
        bench.check();
        load.check();
        assertThat(relay.output()).doesNotContain("OutOfMemory");
      }
    }
  }

  /** All that waits would not fit into its heap. */
  private RelayProcess relay(Bench bench) {
    return new RelayProcess(bench, folder, "warn", Map.of(), "-Xmx48m");
  }
}
