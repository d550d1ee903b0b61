package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.feed.Lease;
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
  void a_lane_that_begins_when_another_has_published_already_begins_where_that_one_did(
      Delivery delivery, Database database, KafkaBroker broker) throws Exception {
    try (Bench bench = new Bench(database, broker, new Shape(delivery, 2))) {
      for (int stream = 0; stream < 20; stream++) {
        bench.append("order-" + stream, 2);
      }
      Lease held =
          bench
              .store
              .feed()
              .tryLease(bench.leaseName(), 1, "a test", Duration.ofMinutes(5))
              .orElseThrow();
      try (KafkaRelay relay = bench.relay().start()) {
        bench.awaitConsumed();
        assertThat(bench.consumed())
            .allMatch(record -> ExactSequence.header(record, "es_lane").equals("0"));
        held.close();
        for (int stream = 0; stream < 20; stream++) {
          relay.awaitPublished(bench.append("order-" + stream, 2), Bench.PATIENCE);
        }
      }
      bench.check();
    }
  }
}
