package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Lanes that begin one after the other. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayLanesStartTest {

  @ParameterizedTest
  @EnumSource
  void no_lane_publishes_before_all_have_begun(
      Delivery delivery, Database database, KafkaBroker broker) throws Exception {
    try (Bench bench = new Bench(database, broker, new Shape(delivery, 2))) {
      for (int stream = 0; stream < 20; stream++) {
        bench.append("order-" + stream, 2);
      }
      Lease held =
          bench
              .store
              .unwrap(EventFeed.class)
              .orElseThrow()
              .tryLease(bench.leaseName(), 1, "a test", Duration.ofMinutes(5))
              .orElseThrow();
      try (KafkaRelay relay = bench.relay().start()) {
        // Or the late one would find records of the other, and no position of its own.
        await()
            .atMost(Bench.PATIENCE)
            .until(() -> relay.status().lanes().get(0).reason().isPresent());
        assertThat(relay.status().lanes().get(0).reason().orElseThrow()).contains("lane 1");
        assertThat(bench.uncommitted()).isEmpty();
        held.close();
        for (int stream = 0; stream < 20; stream++) {
          relay.awaitPublished(bench.append("order-" + stream, 2), Bench.PATIENCE);
        }
      }
      bench.check();
    }
  }
}
