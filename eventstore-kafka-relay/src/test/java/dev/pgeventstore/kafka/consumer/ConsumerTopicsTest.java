package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Topics that are not there, or do not take a record, before a broker that creates any topic. */
@ExtendWith(PostgresExtension.class)
class ConsumerTopicsTest {

  private static KafkaBroker broker;
  private ConsumerBench bench;

  @BeforeAll
  static void start() {
    broker = KafkaBroker.startCreatingTopics();
  }

  @AfterAll
  static void end() {
    broker.close();
  }

  @BeforeEach
  void open(Database database) throws Exception {
    bench = new ConsumerBench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private Set<String> topics() throws Exception {
    try (Admin admin = bench.admin()) {
      return admin.listTopics().names().get();
    }
  }

  @Test
  void a_topic_that_is_read_before_it_exists_is_not_created_and_read_once_it_is() throws Exception {
    bench.publish(9, 3);
    String later = bench.topic + "-later";
    try (RelayedConsumer consumer =
        bench
            .consumer(ConsumerBench::work)
            .topics(later)
            .unhealthyAfter(Duration.ofMillis(500))
            .start()) {
      bench.awaitDone(27);
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () ->
                  consumer.status().reason().orElse("").contains(later)
                      && !consumer.status().isHealthy());
      assertThat(consumer.status().complaint().orElseThrow()).contains("does not exist");
      assertThat(topics()).contains(bench.topic).doesNotContain(later);

      bench.createTopic(later, 3);
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () ->
                  consumer.status().isHealthy() && consumer.status().partitions().size() == 3 + 3);
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_dead_letter_topic_that_does_not_exist_is_not_created_and_used_once_it_is()
      throws Exception {
    String deadLetters = bench.topic + "-mistyped";
    bench.publish(1, 3);
    try (RelayedConsumer consumer =
        bench.consumer(failing()).retries(0).deadLetters(deadLetters).start()) {
      awaitFailure(consumer, "the dead letter topic " + deadLetters + " does not exist");
      assertThat(topics()).doesNotContain(deadLetters);
      assertThat(consumer.status().deadLetters()).isZero();

      bench.createTopic(deadLetters, 1);
      bench.awaitDone(2);
      assertThat(consumer.status().deadLetters()).isEqualTo(1);
    }
    assertThat(bench.count()).isEqualTo(2);
  }

  @Test
  void a_dead_letter_that_is_too_large_stops_its_partition_until_the_topic_takes_it()
      throws Exception {
    String deadLetters = bench.topic + "-narrow";
    try (Admin admin = bench.admin()) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(deadLetters, 1, (short) 1)
                      .configs(Map.of("max.message.bytes", "100"))))
          .all()
          .get();
      bench.publish(1, 3);
      try (RelayedConsumer consumer =
          bench.consumer(failing()).retries(0).deadLetters(deadLetters).start()) {
        awaitFailure(consumer, "RecordTooLarge");
        await().atMost(ConsumerBench.PATIENCE).until(() -> status(consumer).isStopped());
        assertThat(bench.count()).isEqualTo(1);

        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, deadLetters);
        admin
            .incrementalAlterConfigs(
                Map.of(
                    resource,
                    List.of(
                        new AlterConfigOp(
                            new ConfigEntry("max.message.bytes", "100000"),
                            AlterConfigOp.OpType.SET))))
            .all()
            .get();
        await()
            .atMost(ConsumerBench.PATIENCE)
            .until(
                () -> {
                  consumer.resume();
                  return bench.count() == 2;
                });
        assertThat(consumer.status().deadLetters()).isEqualTo(1);
      }
    }
  }

  @Test
  void dead_letters_into_a_topic_that_is_read_are_refused() {
    var builder = bench.consumer(ConsumerBench::work).deadLetters(bench.topic);
    assertThatThrownBy(builder::start)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(bench.topic);
  }

  private static RelayedHandler failing() {
    return batch -> {
      for (RelayedRecord record : batch) {
        if (record.event().version() == 2) {
          throw new IllegalStateException("the second");
        }
      }
      ConsumerBench.work(batch);
    };
  }

  private PartitionStatus status(RelayedConsumer consumer) {
    return consumer.status().partitions().values().stream()
        .filter(status -> status.failure().isPresent())
        .findFirst()
        .orElseGet(() -> consumer.status().partitions().values().iterator().next());
  }

  private void awaitFailure(RelayedConsumer consumer, String text) {
    await()
        .atMost(ConsumerBench.PATIENCE)
        .until(
            () ->
                consumer.status().partitions().values().stream()
                    .anyMatch(status -> status.failure().orElse("").contains(text)));
  }
}
