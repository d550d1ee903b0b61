package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A broker that creates what is asked for, as brokers do unless told otherwise. */
@ExtendWith(PostgresExtension.class)
@Tag("faults")
class RelayTopicCreationTest {

  private static KafkaBroker broker;
  private Bench bench;

  @BeforeAll
  static void startBroker() {
    broker = KafkaBroker.startCreatingTopics();
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  @BeforeEach
  void open(Database database) {
    bench = new Bench(database, broker);
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

  private static String haltedReason(KafkaRelay relay) {
    await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
    return relay.status().reason().orElseThrow();
  }

  @ParameterizedTest
  @EnumSource
  void neither_a_relay_nor_an_operator_creates_a_topic_that_was_not_asked_for(Delivery delivery)
      throws Exception {
    String missing = "missing-" + bench.topic;
    bench.append("order-1", 3);
    KafkaRelay.Builder lost = bench.relay().topic(missing).delivery(delivery);
    try (KafkaRelay relay = lost.start()) {
      assertThat(haltedReason(relay)).contains(missing).contains("does not exist");
    }
    assertThat(lost.operations().verify(progress -> {}).records()).isZero();
    lost.operations().position();

    KafkaRelay.Builder letters =
        bench
            .relay()
            .name("letters-" + bench.topic)
            .delivery(delivery)
            .mapper(
                event -> {
                  throw new IllegalStateException("cannot map this");
                })
            .onPoison(PoisonPolicy.deadLetter())
            .deadLetters(missing + "-letters");
    try (KafkaRelay relay = letters.start()) {
      assertThat(haltedReason(relay)).contains(missing + "-letters").contains("does not exist");
    }
    assertThat(topics()).noneMatch(name -> name.startsWith(missing));
  }

  /** A producer that is sending may create it again: Kafka's cannot be told not to. */
  @Test
  void a_topic_that_is_deleted_while_it_runs_halts_it() throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
      delete(bench.topic);
      bench.append("order-1", 10);
      assertThat(haltedReason(relay)).contains(bench.topic).contains("newSeries");
    }
  }

  @Test
  void a_position_topic_that_is_deleted_while_it_runs_halts_it_although_it_is_created_again()
      throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
      delete(bench.positionTopic());
      bench.append("order-1", 10);
      assertThat(haltedReason(relay)).contains(bench.positionTopic()).contains("deleted");
    }
    if (topics().contains(bench.positionTopic())) {
      delete(bench.positionTopic());
    }
    try (KafkaRelay relay = bench.relay().start()) {
      assertThat(haltedReason(relay)).contains("newSeries(Position.of(" + last() + "), …)");
    }
    bench.relay().operations().newSeries(Position.of(last()), "a test");
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 5), Bench.PATIENCE);
    }
    VerificationReport report = bench.relay().operations().verify(progress -> {});
    assertThat(report.isExact()).as(report.toString()).isTrue();
    assertThat(bench.consumed()).hasSize(25);
  }

  private long last() {
    return bench.consumed().stream()
        .mapToLong(record -> Long.parseLong(ExactSequence.header(record, "es_position")))
        .max()
        .orElseThrow();
  }

  private void delete(String topic) throws Exception {
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of(topic)).all().get();
    }
  }
}
