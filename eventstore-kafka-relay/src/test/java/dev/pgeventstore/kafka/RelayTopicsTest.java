package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Topics that somebody changes or takes away under a relay. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayTopicsTest {

  private Database database;
  private KafkaBroker broker;
  private Bench bench;

  @BeforeEach
  void remember(Database database, KafkaBroker broker) {
    this.database = database;
    this.broker = broker;
  }

  private void open(Shape shape) {
    bench = new Bench(database, broker, shape);
  }

  @AfterEach
  void close() {
    if (bench != null) {
      bench.close();
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_topic_that_is_deleted_while_it_runs_halts_it(Shape shape) throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
      delete(bench.topic);
      bench.append("order-1", 10);
      assertThat(haltedReason(relay)).contains(bench.topic).contains("does not exist");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_topic_that_is_deleted_and_created_again_while_it_runs_halts_it(Shape shape)
      throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
      recreate(bench.topic, Bench.PARTITIONS);
      bench.append("order-1", 10);
      // It has nothing more to send, and finds out all the same.
      assertThat(haltedReason(relay)).contains(bench.topic);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_topic_that_was_deleted_and_created_again_while_it_did_not_run_halts_it(Shape shape)
      throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
    }
    recreate(bench.topic, Bench.PARTITIONS);
    bench.append("order-1", 10);
    try (KafkaRelay relay = bench.relay().start()) {
      assertThat(haltedReason(relay)).contains(bench.topic);
    }
    assertThat(bench.uncommitted()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#exactlyOnce")
  void a_position_topic_that_is_deleted_while_it_runs_halts_it(Shape shape) throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
      delete(bench.positionTopic());
      bench.append("order-1", 10);
      assertThat(haltedReason(relay)).contains(bench.positionTopic());
    }
    assertThat(bench.consumed()).hasSize(10);
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#exactlyOnce")
  void a_position_topic_that_was_emptied_is_refused(Shape shape) throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
    }
    cleanUp(bench.positionTopic(), "delete");
    Map<TopicPartition, RecordsToDelete> all = new HashMap<>();
    for (int lane = 0; lane < shape.lanes(); lane++) {
      all.put(new TopicPartition(bench.positionTopic(), lane), RecordsToDelete.beforeOffset(-1));
    }
    try (Admin admin = bench.admin()) {
      admin.deleteRecords(all).all().get();
    }
    cleanUp(bench.positionTopic(), "compact");
    bench.append("order-1", 10);
    try (KafkaRelay relay = bench.relay().start()) {
      assertThat(haltedReason(relay)).contains(bench.positionTopic());
    }
    assertThat(bench.consumed()).hasSize(10);
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#exactlyOnce")
  void a_position_topic_that_would_lose_positions_is_refused_after_years_too(Shape shape)
      throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
    }
    cleanUp(bench.positionTopic(), "compact,delete");
    try (KafkaRelay relay = bench.relay().start()) {
      assertThat(haltedReason(relay)).contains("cleanup.policy");
    }
    cleanUp(bench.positionTopic(), "compact");
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void partitions_that_are_added_while_it_runs_stay_empty_and_nothing_is_reordered(Shape shape)
      throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start()) {
      // Each lane goes on with the partitions that it knew when it first sent.
      relay.awaitPublished(appendToFifty().position(), Bench.PATIENCE);
      Load load = new Load(bench);
      bench.grow(bench.topic, 8);
      relay.awaitPublished(load.stop().position(), Bench.PATIENCE);
      // A new life, which knows the new partitions from the start.
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);
    }
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(appendToFifty().position(), Bench.PATIENCE);
    }
    bench.check();
    assertThat(bench.uncommitted()).allMatch(record -> record.partition() < Bench.PARTITIONS);
  }

  private AppendResult appendToFifty() {
    AppendResult last = bench.append("order-0", 1);
    for (int stream = 1; stream < 50; stream++) {
      last = bench.append("order-" + stream, 1);
    }
    return last;
  }

  /** Other lanes, and at least once other partitions, would go on for themselves. */
  @Test
  void a_topic_that_takes_smaller_records_than_it_did_halts_it_in_front_of_the_first_larger_one()
      throws Exception {
    open(Shape.USUAL);
    // The refusal comes while the records behind it are being sent.
    Map<String, Object> slowly = Probe.at(Moment.HALF_SENT, () -> {});
    try (KafkaRelay relay = bench.relay(slowly).start();
        Connection connection = bench.database.open()) {
      relay.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
      bench.configure(bench.topic, "max.message.bytes", "4000");
      connection.setAutoCommit(false);
      EventStreams transaction = bench.store.within(connection);
      AppendResult large = bench.appendIncompressible(transaction, "order-1", 20_000);
      for (int stream = 0; stream < 100; stream++) {
        bench.append(transaction, "order-" + stream, 5);
      }
      connection.commit();
      assertThat(haltedReason(relay))
          .contains("position " + large.position())
          .contains("max.message.bytes");
      assertThat(large.position().isAfter(relay.status().position())).isTrue();
    }
    assertThat(bench.consumed()).hasSize(1);
    bench.configure(bench.topic, "max.message.bytes", "1000000");
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 1).position(), Bench.PATIENCE);
    }
    bench.check();
  }

  private static String haltedReason(KafkaRelay relay) {
    await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
    return relay.status().reason().orElseThrow();
  }

  private void delete(String topic) throws InterruptedException, ExecutionException {
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of(topic)).all().get();
    }
  }

  private void recreate(String topic, int partitions)
      throws InterruptedException, ExecutionException {
    delete(topic);
    try (Admin admin = bench.admin()) {
      await().atMost(Bench.PATIENCE).until(() -> !admin.listTopics().names().get().contains(topic));
    }
    bench.createTopic(topic, partitions);
  }

  private void cleanUp(String topic, String policy)
      throws InterruptedException, ExecutionException {
    bench.configure(topic, "cleanup.policy", policy);
  }
}
