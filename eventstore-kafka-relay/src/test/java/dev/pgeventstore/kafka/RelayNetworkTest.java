package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the network does to a relay between it and Kafka. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
class RelayNetworkTest {

  private Database database;
  private KafkaBroker broker;
  private Bench bench;
  private TcpProxy network;

  @BeforeEach
  void remember(Database database, KafkaBroker broker) {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    this.database = database;
    this.broker = broker;
    network = broker.proxy();
  }

  private void open(Shape shape) {
    bench = new Bench(database, broker, shape);
  }

  @AfterEach
  void close() {
    if (bench != null) {
      network.restore();
      bench.close();
    }
  }

  /** At least once there is no transaction, but there are records on their way. */
  private Moment orHalfSent(Moment ofTransaction) {
    return bench.shape().delivery() == Delivery.EXACTLY_ONCE ? ofTransaction : Moment.HALF_SENT;
  }

  private static boolean triesAgain(KafkaRelay relay) {
    return relay.status().lanes().stream().anyMatch(lane -> lane.reason().isPresent());
  }

  private KafkaRelay.Builder relay(Map<String, ?> probe) {
    Map<String, Object> settings = new HashMap<>(probe);
    settings.put("bootstrap.servers", bench.broker.proxiedBootstrap());
    return bench.relay(settings);
  }

  @Test
  void a_commit_whose_answer_is_lost_is_neither_lost_nor_repeated() throws Exception {
    open(Shape.USUAL);
    bench.appendBacklog(300, 1_000);
    try (KafkaRelay relay = relay(Probe.at(Moment.BEFORE_COMMIT, network::loseAnswers)).start()) {
      // It was committed, however much it was, and the relay does not know.
      await().atMost(Bench.PATIENCE).until(() -> !bench.consumed().isEmpty());
      await().atMost(Bench.PATIENCE).until(() -> relay.status().aborts() > 0);
      assertThat(relay.status().eventsSent()).isZero();
      int unknown = bench.consumed().size();
      network.restore();
      relay.awaitPublished(bench.append("order-1", 5), Bench.PATIENCE);
      assertThat(relay.status().eventsSent()).isEqualTo(305 - unknown);
    }
    bench.check();
  }

  @Tag("soak")
  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#all")
  void records_whose_acknowledgements_are_lost_are_neither_lost_nor_repeated(Shape shape)
      throws Exception {
    open(shape);
    bench.appendBacklog(300, 1_000);
    try (KafkaRelay relay = relay(Probe.at(Moment.HALF_SENT, network::loseAnswers)).start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().aborts() > 0);
      network.restore();
      relay.awaitPublished(bench.append("order-1", 5).position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_network_that_falls_silent_in_the_middle_of_a_transaction_only_delays(Shape shape)
      throws Exception {
    open(shape);
    bench.appendBacklog(300, 1_000);
    try (KafkaRelay relay =
        relay(Probe.at(orHalfSent(Moment.BEFORE_POSITION), network::freeze)).start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().aborts() > 0);
      network.restore();
      relay.awaitPublished(bench.append("order-1", 5).position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void connections_that_break_in_the_middle_of_a_transaction_only_delay(Shape shape)
      throws Exception {
    open(shape);
    bench.appendBacklog(300, 1_000);
    try (KafkaRelay relay = relay(Probe.at(Moment.HALF_SENT, network::cut)).start()) {
      relay.awaitPublished(bench.append("order-1", 5).position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void with_kafka_away_from_the_start_and_in_the_middle_appends_go_on_and_are_caught_up_with(
      Shape shape) throws Exception {
    open(shape);
    network.refuse();
    try (KafkaRelay relay = relay(Map.of()).start()) {
      bench.append("order-1", 10);
      await().atMost(Bench.PATIENCE).until(() -> triesAgain(relay));
      assertThat(relay.status().state()).isEqualTo(State.STARTING);
      network.restore();
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);

      network.refuse();
      Load load = new Load(bench);
      // While nothing is published more is appended than a relay reads at once.
      AppendResult last = bench.appendBacklog(6_000, 200);
      await().atMost(Bench.PATIENCE).until(() -> triesAgain(relay));
      assertThat(last.position().isAfter(relay.status().position())).isTrue();
      network.restore();
      relay.awaitPublished(load.stop().position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_broker_that_stands_still_for_longer_than_a_transaction_may_last_only_delays(Shape shape)
      throws Exception {
    open(shape);
    bench.appendBacklog(300, 1_000);
    try (KafkaRelay relay =
        bench.relay(Probe.at(orHalfSent(Moment.BEFORE_COMMIT), bench.broker::pause)).start()) {
      try {
        await().atMost(Bench.PATIENCE).until(() -> relay.status().aborts() > 0);
      } finally {
        bench.broker.resume();
      }
      relay.awaitPublished(bench.append("order-1", 5).position(), Bench.PATIENCE);
    }
    bench.check();
  }
}
