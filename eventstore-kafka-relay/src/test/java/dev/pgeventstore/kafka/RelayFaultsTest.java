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
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever is killed, a committed reader finds every event once and in order. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
@Order(1)
class RelayFaultsTest {

  private Database database;
  private KafkaBroker broker;
  private Bench bench;
  @TempDir private Path folder;

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
  void a_relay_killed_at_random_moments_loses_and_repeats_nothing(Shape shape) throws Exception {
    killRelays(shape, 2);
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#all")
  @Tag("soak")
  void a_relay_killed_again_and_again_loses_and_repeats_nothing(Shape shape) throws Exception {
    killRelays(shape, 30);
  }

  private void killRelays(Shape shape, int kills) throws Exception {
    open(shape);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    System.out.println("seed " + seed);
    keepTransactionsOpen();
    Load load = new Load(bench);
    for (int kill = 0; kill < kills; kill++) {
      try (RelayProcess relay = new RelayProcess(bench, folder)) {
        await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") > 0);
        // At any moment of a transaction: this chooses the moment, nothing is waited for.
        Thread.sleep(random.nextInt(300));
        relay.killHard();
      }
    }
    awaitPublished(load.stop());
    bench.check();
  }

  /** With so much to do a relay is hardly ever found between two transactions. */
  private void keepTransactionsOpen() {
    bench.appendBacklog(60_000, 200);
  }

  private void awaitPublished(AppendResult last) throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(last.position(), Bench.PATIENCE);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void the_second_of_two_relays_stands_by_and_takes_over_when_the_first_is_killed(Shape shape)
      throws Exception {
    open(shape);
    Load load = new Load(bench);
    try (RelayProcess first = new RelayProcess(bench, folder)) {
      await().atMost(Bench.PATIENCE).until(first::isLeading);
      try (KafkaRelay second = bench.relay().start()) {
        await().atMost(Bench.PATIENCE).until(() -> second.status().state() == State.STANDBY);
        first.killHard();
        await().atMost(Bench.PATIENCE).until(() -> second.status().state() == State.LEADING);
        second.awaitPublished(load.stop().position(), Bench.PATIENCE);
        assertThat(second.status().fenced()).isZero();
      }
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_leader_that_stood_still_finds_itself_fenced_and_stands_by(Shape shape) throws Exception {
    open(shape);
    keepTransactionsOpen();
    Load load = new Load(bench);
    try (RelayProcess first = new RelayProcess(bench, folder)) {
      await().atMost(Bench.PATIENCE).until(() -> first.count("eventsSent") > 0);
      first.pause();
      try (KafkaRelay second = bench.relay().start()) {
        await().atMost(Bench.PATIENCE).until(() -> second.status().eventsSent() > 0);
        first.resume();
        await().atMost(Bench.PATIENCE).until(first::hasLaneThatStandsBy);
        // Or it would rightly lead again where the second one stands still for as long.
        first.killHard();
        second.awaitPublished(load.stop().position(), Bench.PATIENCE);
        assertThat(second.status().state()).isEqualTo(State.LEADING);
        assertThat(second.status().fenced()).isZero();
      }
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_database_killed_and_restarted_is_followed_from_the_position_in_kafka(Shape shape)
      throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (Bench own = new Bench(server.createDatabase(), broker, shape);
          KafkaRelay relay = own.relay().start()) {
        relay.awaitPublished(own.append("order-1", 100).position(), Bench.PATIENCE);
        server.killHard();
        server.restart();
        relay.awaitPublished(own.append("order-1", 100).position(), Bench.PATIENCE);
        own.check();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#exactlyOnce")
  void two_relays_that_both_think_they_lead_fence_each_other_and_repeat_nothing(Shape shape)
      throws Exception {
    open(shape);
    Load load = new Load(bench);
    try (KafkaRelay first = bench.relay().withoutLeases().start();
        KafkaRelay second = bench.relay().withoutLeases().start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(() -> first.status().fenced() + second.status().fenced() >= 10);
      load.stop();
    }
    awaitPublished(bench.append("order-1", 1));
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_broker_killed_in_the_middle_of_transactions_loses_and_repeats_nothing(Shape shape)
      throws Exception {
    open(shape);
    assumeTrue(bench.broker.canBeKilled(), "needs a broker that was started here");
    try (KafkaRelay relay = bench.relay().start()) {
      Load load = new Load(bench);
      for (int kill = 0; kill < 2; kill++) {
        long before = relay.status().eventsSent();
        await().atMost(Bench.PATIENCE).until(() -> relay.status().eventsSent() > before + 500);
        bench.broker.restart();
      }
      relay.awaitPublished(load.stop().position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#all")
  @Tag("soak")
  void kafka_away_from_the_start_or_standing_still_only_delays(Shape shape) throws Exception {
    open(shape);
    assumeTrue(bench.broker.canBeKilled(), "needs a broker that was started here");
    bench.broker.killHard();
    try (KafkaRelay relay = bench.relay().start()) {
      try {
        bench.append("order-1", 10);
        await().atMost(Bench.PATIENCE).until(() -> triesAgain(relay));
      } finally {
        bench.broker.restart();
      }
      relay.awaitPublished(bench.append("order-1", 10).position(), Bench.PATIENCE);

      Load load = new Load(bench);
      bench.broker.pause();
      try {
        // Only longer than a transaction may last does it come to that.
        await().atMost(Bench.PATIENCE).until(() -> relay.status().aborts() > 0);
      } finally {
        bench.broker.resume();
      }
      relay.awaitPublished(load.stop().position(), Bench.PATIENCE);
    }
    bench.check();
  }

  private static boolean triesAgain(KafkaRelay relay) {
    return relay.status().lanes().stream().anyMatch(lane -> lane.reason().isPresent());
  }
}
