package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How much a relay and its Kafka clients log. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
@Order(1)
class RelayLogTest {

  private static final Pattern ENTRY = Pattern.compile("(?m)^.{0,120}(INFO|WARN|ERROR) [a-zA-Z]");

  private static final Pattern WARNING = Pattern.compile("(?m)^.{0,120}(WARN|ERROR) [a-zA-Z]");

  @ParameterizedTest
  @EnumSource
  void with_kafka_away_for_a_minute_there_are_some_tens_of_lines(
      Delivery delivery, Database database, KafkaBroker broker, @TempDir Path folder)
      throws Exception {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    try (Bench bench = new Bench(database, broker, new Shape(delivery, 1));
        RelayProcess relay =
            new RelayProcess(bench, folder, "info", Map.of("transaction.timeout.ms", "30000"))) {
      bench.append("order-1", 10);
      await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") == 10);
      int before = relay.output().length();
      broker.killHard();
      bench.append("order-1", 10);
      Thread.sleep(Duration.ofMinutes(1).toMillis());
      String logged = relay.output().substring(before);
      broker.restart();
      await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") == 20);

      assertThat(ENTRY.matcher(logged).results().count()).as(logged).isLessThan(100);
      assertThat(WARNING.matcher(logged).results().count()).as(logged).isBetween(1L, 60L);
    }
  }
}
