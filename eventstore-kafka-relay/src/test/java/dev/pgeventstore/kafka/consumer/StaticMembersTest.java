package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Two consumers with one {@code group.instance.id}: one of them has no partitions, and says so. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class StaticMembersTest {

  private ConsumerBench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
    bench.publish(9, 3);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private RelayedConsumer member(String protocol) {
    Map<String, Object> kafka = new HashMap<>(bench.kafka());
    kafka.put("group.instance.id", "member-1");
    kafka.put("group.protocol", protocol);
    if (protocol.equals("consumer")) {
      kafka.remove("session.timeout.ms");
      kafka.remove("heartbeat.interval.ms");
    }
    return RelayedConsumer.builder(kafka, bench.pool, bench.inbox, ConsumerBench::work)
        .topics(bench.topic)
        .backOff(Duration.ofMillis(10), Duration.ofMillis(50))
        .unhealthyAfter(Duration.ofMillis(300))
        .start();
  }

  @Test
  void the_one_that_is_fenced_ends_and_says_why() throws Exception {
    try (RelayedConsumer first = member("classic")) {
      bench.awaitDone(27);
      try (RelayedConsumer second = member("classic")) {
        await().atMost(ConsumerBench.PATIENCE).until(() -> first.status().state() == State.FAILED);
        assertThat(first.status().reason().orElseThrow()).contains("group.instance.id");
        assertThat(first.status().complaint().orElseThrow()).contains("group.instance.id");
        bench.publish(9, 3);
        bench.awaitDone(54);
        assertThat(second.status().state()).isEqualTo(State.RUNNING);
        await().atMost(ConsumerBench.PATIENCE).until(() -> second.status().isHealthy());
      }
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void in_the_consumer_protocol_the_second_says_so_and_takes_over_when_the_first_ends()
      throws Exception {
    RelayedConsumer first = member("consumer");
    try (first) {
      bench.awaitDone(27);
      try (RelayedConsumer second = member("consumer")) {
        await()
            .atMost(ConsumerBench.PATIENCE)
            .until(
                () ->
                    !second.status().isHealthy()
                        && second.status().reason().orElse("").contains("member-1"));
        bench.publish(9, 3);
        bench.awaitDone(54);
        first.close();
        bench.publish(9, 3);
        bench.awaitDone(81);
        await().atMost(ConsumerBench.PATIENCE).until(() -> second.status().isHealthy());
      }
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }
}
