package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaCluster;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A relay of each shape, which publish the same events from one store into topics of their own, and
 * a cluster of three nodes, to which something happens.
 */
@ExtendWith(PostgresExtension.class)
@Tag("soak")
@Order(1)
class RelayClusterTest {

  private static final int NODES = 3;
  private static final String TRANSACTIONS = "__transaction_state";

  private static KafkaCluster cluster;

  private final List<Bench> benches = new ArrayList<>();
  private final Map<Bench, KafkaRelay> relays = new HashMap<>();
  private Load load;

  @BeforeAll
  static void startCluster() {
    assumeTrue(
        System.getProperty("kafka.bootstrap", "").isBlank(), "needs brokers that are started here");
    cluster = KafkaBroker.startCluster(NODES);
  }

  @AfterAll
  static void stopCluster() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @BeforeEach
  void startRelays(Database database) {
    for (Shape shape : Shape.all()) {
      Bench bench = new Bench(database, cluster, shape);
      benches.add(bench);
      relays.put(bench, bench.relay(Map.of("transaction.timeout.ms", "5000")).start());
    }
    load = Load.light(benches.get(0));
    awaitMore();
  }

  @AfterEach
  void close() {
    relays.values().forEach(KafkaRelay::close);
    benches.forEach(Bench::close);
  }

  /** All of them have published what was appended by now, or later. */
  private void awaitMore() {
    AppendResult now = benches.get(0).append("order-1", 1);
    for (Bench bench : benches) {
      await()
          .alias(bench.shape().toString())
          .atMost(Bench.PATIENCE)
          .until(() -> !now.position().isAfter(relays.get(bench).status().position()));
    }
  }

  private void requireExact() throws Exception {
    load.stop();
    awaitMore();
    for (Bench bench : benches) {
      RelayStatus status = relays.get(bench).status();
      assertThat(status.state()).as(status.toString()).isEqualTo(State.LEADING);
      bench.check();
    }
  }

  @Test
  void nodes_killed_one_after_the_other_lose_and_repeat_nothing() throws Exception {
    for (int node = 1; node <= NODES; node++) {
      cluster.killHard(node);
      awaitMore();
      cluster.restart(node);
    }
    requireExact();
  }

  @Test
  void leaders_that_move_and_a_controller_that_is_lost_lose_and_repeat_nothing() throws Exception {
    for (int round = 0; round < NODES; round++) {
      moveLeaders();
      awaitMore();
    }
    int controller = controller();
    cluster.killHard(controller);
    awaitMore();
    assertThat(controller()).isNotEqualTo(controller);
    cluster.restart(controller);
    requireExact();
  }

  @Test
  void a_node_that_stands_still_and_then_two_of_them_only_delay() throws Exception {
    standStill(Duration.ofSeconds(6));
  }

  @Test
  void nodes_that_stand_still_for_long_only_delay() throws Exception {
    for (int round = 0; round < NODES; round++) {
      standStill(Duration.ofSeconds(20));
      load = Load.light(benches.get(0));
    }
    requireExact();
  }

  /** Longer than a transaction may last, and than a session of a node. */
  private void standStill(Duration time) throws Exception {
    int one = controller();
    cluster.pause(one);
    Thread.sleep(time.toMillis());
    awaitMore();
    cluster.resume(one);
    int other = one % NODES + 1;
    cluster.pause(one);
    cluster.pause(other);
    Thread.sleep(time.toMillis());
    cluster.resume(one);
    cluster.resume(other);
    awaitMore();
    requireExact();
  }

  private int controller() throws Exception {
    try (Admin admin = benches.get(0).admin()) {
      return admin.describeMetadataQuorum().quorumInfo().get().leaderId();
    }
  }

  /** Every partition gets the next of its replicas as its leader. */
  private void moveLeaders() throws Exception {
    try (Admin admin = benches.get(0).admin()) {
      List<String> topics =
          Stream.concat(
                  benches.stream().flatMap(bench -> Stream.of(bench.topic, bench.positionTopic())),
                  Stream.of(TRANSACTIONS))
              .filter(topic -> exists(admin, topic))
              .toList();
      Map<TopicPartition, Optional<NewPartitionReassignment>> wanted = new HashMap<>();
      for (TopicDescription topic : admin.describeTopics(topics).allTopicNames().get().values()) {
        for (TopicPartitionInfo partition : topic.partitions()) {
          List<Integer> replicas =
              new ArrayList<>(partition.replicas().stream().map(node -> node.id()).toList());
          Collections.rotate(replicas, 1);
          wanted.put(
              new TopicPartition(topic.name(), partition.partition()),
              Optional.of(new NewPartitionReassignment(replicas)));
        }
      }
      admin.alterPartitionReassignments(wanted).all().get();
      await()
          .atMost(Bench.PATIENCE)
          .untilAsserted(() -> assertThat(notElected(admin, wanted.keySet())).isEmpty());
    }
  }

  /** The partitions whose preferred replica does not lead, and why. */
  private static Map<TopicPartition, Throwable> notElected(Admin admin, Set<TopicPartition> of)
      throws Exception {
    Map<TopicPartition, Throwable> left = new HashMap<>();
    admin
        .electLeaders(ElectionType.PREFERRED, of)
        .partitions()
        .get()
        .forEach((partition, why) -> why.ifPresent(e -> left.put(partition, e)));
    left.values().removeIf(ElectionNotNeededException.class::isInstance);
    return left;
  }

  private static boolean exists(Admin admin, String topic) {
    try {
      return admin
          .listTopics(new ListTopicsOptions().listInternal(true))
          .names()
          .get()
          .containsAll(Set.of(topic));
    } catch (Exception e) {
      throw new IllegalStateException("topics cannot be listed", e);
    }
  }
}
