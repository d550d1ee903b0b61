package dev.pgeventstore.kafka;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Faults that relays of several lanes, and those that send at least once, survive as well. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
@Order(1)
class RelayShapesTest {

  @TempDir private Path folder;

  static List<Shape> shapes() {
    return List.of(new Shape(Delivery.EXACTLY_ONCE, 3), new Shape(Delivery.AT_LEAST_ONCE, 2));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void a_relay_that_stood_still_and_one_that_is_killed_lose_and_reorder_nothing(
      Shape shape, Database database, KafkaBroker broker) throws Exception {
    try (Bench bench = new Bench(database, broker, shape)) {
      // So much that it is hardly ever found at rest.
      bench.appendBacklog(20_000, 200);
      Load load = new Load(bench);
      try (RelayProcess first = new RelayProcess(bench, folder)) {
        await().atMost(Bench.PATIENCE).until(() -> first.count("eventsSent") > 0);
        first.pause();
        try (RelayProcess second = new RelayProcess(bench, folder)) {
          await().atMost(Bench.PATIENCE).until(() -> second.count("eventsSent") > 0);
          first.resume();
          await().atMost(Bench.PATIENCE).until(() -> first.hasLaneThatStandsBy());
          second.killHard();
        }
      }
      publishRest(bench, load);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void a_broker_that_is_killed_and_a_network_that_fails_lose_and_reorder_nothing(
      Shape shape, Database database, KafkaBroker broker) throws Exception {
    withFaults(shape, database, broker, List.of(TcpProxy::loseAnswers));
  }

  @Tag("soak")
  @ParameterizedTest
  @MethodSource("shapes")
  void a_network_that_fails_in_all_ways_there_are_loses_and_reorders_nothing(
      Shape shape, Database database, KafkaBroker broker) throws Exception {
    withFaults(
        shape,
        database,
        broker,
        List.of(TcpProxy::cut, TcpProxy::loseAnswers, TcpProxy::freeze, TcpProxy::refuse));
  }

  private static void withFaults(
      Shape shape, Database database, KafkaBroker broker, List<Consumer<TcpProxy>> faults)
      throws Exception {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    TcpProxy network = broker.proxy();
    try (Bench bench = new Bench(database, broker, shape);
        KafkaRelay relay =
            bench.relay(Map.of("bootstrap.servers", broker.proxiedBootstrap())).start()) {
      Load load = new Load(bench);
      for (Consumer<TcpProxy> fault : faults) {
        awaitMore(relay);
        fault.accept(network);
        await().atMost(Bench.PATIENCE).until(() -> isBehind(relay) || triesAgain(relay));
        network.restore();
      }
      awaitMore(relay);
      broker.restart();
      relay.awaitPublished(load.stop().position(), Bench.PATIENCE);
      bench.check();
    } finally {
      network.restore();
    }
  }

  private static boolean isBehind(KafkaRelay relay) {
    return relay.status().lag() > 0;
  }

  private static boolean triesAgain(KafkaRelay relay) {
    return relay.status().lanes().stream().anyMatch(lane -> lane.reason().isPresent());
  }

  private static void awaitMore(KafkaRelay relay) {
    long before = relay.status().eventsSent();
    await().atMost(Bench.PATIENCE).until(() -> relay.status().eventsSent() > before + 100);
  }

  private static void publishRest(Bench bench, Load load) throws Exception {
    try (KafkaRelay last = bench.relay().start()) {
      last.awaitPublished(load.stop().position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void one_that_is_stopped_hands_its_lanes_over(Shape shape, Database database, KafkaBroker broker)
      throws Exception {
    try (Bench bench = new Bench(database, broker, shape);
        KafkaRelay first = bench.relay().start()) {
      Load load = new Load(bench);
      awaitMore(first);
      try (KafkaRelay second = bench.relay().start()) {
        first.close();
        await().atMost(Bench.PATIENCE).until(() -> second.status().state() == State.LEADING);
        second.awaitPublished(load.stop().position(), Bench.PATIENCE);
      }
      bench.check();
    }
  }
}
