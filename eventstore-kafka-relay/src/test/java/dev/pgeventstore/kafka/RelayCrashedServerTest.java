package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A database that loses what it had: in a crash what it never flushed, from a backup the rest. */
@ExtendWith(KafkaExtension.class)
@Tag("faults")
@Order(1)
class RelayCrashedServerTest {

  @TempDir private Path folder;

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void when_the_database_is_brought_back_to_an_older_state_a_running_relay_halts_and_says_why(
      Shape shape, KafkaBroker broker) throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      DataFolder data = DataFolder.of(server);
      Path backup = folder.resolve("backup");
      try (Bench bench = new Bench(server.createDatabase(), broker, shape);
          KafkaRelay relay = bench.relay().start()) {
        relay.awaitPublished(bench.append("order-1", 20).position(), Bench.PATIENCE);
        server.killHard();
        data.copyTo(backup);
        server.restart();
        AppendResult lost = bench.append("order-1", 10);
        relay.awaitPublished(lost, Bench.PATIENCE);
        List<RecordedEvent> published = bench.stored();

        server.killHard();
        data.putBack(backup);
        server.restart();
        assertThat(haltedReason(relay))
            .contains("history is not the one that was published")
            .contains(lost.position().toString())
            .contains(published.get(29).id().toString());

        // What took the place of the lost events is not published either, by no other relay.
        bench.append("order-1", 40);
        try (KafkaRelay other = bench.relay().start()) {
          assertThat(haltedReason(other))
              .contains("history is not the one that was published")
              .contains(published.get(29).id().toString());
        }
        bench.check(published);
      }
    }
  }

  private static String haltedReason(KafkaRelay relay) {
    await()
        .atMost(Bench.PATIENCE)
        .untilAsserted(
            () ->
                assertThat(relay.status().state())
                    .as(relay.status().toString())
                    .isEqualTo(State.HALTED));
    return relay.status().reason().orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void what_a_crashed_server_had_not_flushed_was_not_published(Shape shape, KafkaBroker broker)
      throws Exception {
    try (PostgresServer server =
        PostgresServer.start(
            Map.of(
                "synchronous_commit", "off", "wal_writer_delay", "10000", "autovacuum", "off"))) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (Bench bench = new Bench(server.createDatabase(), broker, shape);
          KafkaRelay relay = bench.relay().start()) {
        relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
        for (int round = 0; round < 2; round++) {
          AppendResult unflushed = bench.append("order-1", 10);
          await()
              .atMost(Bench.PATIENCE)
              .until(() -> !unflushed.position().isAfter(bench.store.highWaterMark()));
          giveItTimeToPublishWhatItMustNot(relay, unflushed);
          server.killHard();
          server.restart();
          relay.awaitPublished(bench.append("order-2", 10).position(), Bench.PATIENCE);
        }
        bench.check();
      }
    }
  }

  /** A relay that waits for the flush publishes it in this time only if it came. */
  private static void giveItTimeToPublishWhatItMustNot(KafkaRelay relay, AppendResult unflushed)
      throws InterruptedException {
    try {
      relay.awaitPublished(unflushed, Duration.ofSeconds(1));
    } catch (TimeoutException e) {
      // As it should be.
    }
  }
}
