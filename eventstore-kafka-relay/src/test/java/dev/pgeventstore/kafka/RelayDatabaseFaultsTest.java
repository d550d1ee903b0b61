package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.PGConnection;

/** What happens between a relay and its database, and to transactions it must wait for. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
@Tag("faults")
class RelayDatabaseFaultsTest {

  private final CountDownLatch fault = new CountDownLatch(1);
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

  /** One whose transactions do not end by themselves. */
  private KafkaRelay.Builder relay(SecondStore second, Map<String, ?> probe) {
    Map<String, Object> settings = new HashMap<>(probe);
    settings.put(
        "transaction.timeout.ms", Long.toString(Bench.PATIENCE.multipliedBy(5).toMillis()));
    return bench.relay(second.store, settings);
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void connections_that_are_terminated_again_and_again_only_delay(Shape shape) throws Exception {
    open(shape);
    Load load = new Load(bench);
    try (SecondStore second = SecondStore.of(bench.database);
        KafkaRelay relay = relay(second, Map.of()).start()) {
      for (int round = 0; round < 5; round++) {
        long before = relay.status().eventsSent();
        await().atMost(Bench.PATIENCE).until(() -> relay.status().eventsSent() > before);
        terminateConnections();
      }
      relay.awaitPublished(load.stop().position(), Bench.PATIENCE);
    }
    bench.check();
  }

  private void terminateConnections() throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '%s' and datname = current_database()"
              .formatted(SecondStore.APPLICATION));
    }
  }

  private Map<String, Object> halfSent(Runnable action) {
    return Probe.at(
        Moment.HALF_SENT,
        () -> {
          action.run();
          fault.countDown();
        });
  }

  /** What a relay says before its fault has come is not about it. */
  private void awaitFault() throws InterruptedException {
    assertThat(fault.await(Bench.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void while_the_database_is_away_no_transaction_in_kafka_stays_open(Shape shape) throws Exception {
    open(shape);
    TcpProxy network = SecondStore.proxy(bench.database);
    bench.appendBacklog(300, 1_000);
    try (network;
        SecondStore second = SecondStore.of(bench.database, network);
        KafkaRelay relay = relay(second, halfSent(network::refuse)).start()) {
      awaitFault();
      await().atMost(Bench.PATIENCE).until(() -> relay.status().reason().isPresent());
      await().atMost(Bench.PATIENCE).until(() -> !bench.hasOpenTransaction());
      AppendResult meanwhile = bench.append("order-1", 5);
      network.restore();
      relay.awaitPublished(meanwhile.position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void while_the_database_does_not_answer_no_transaction_in_kafka_stays_open(Shape shape)
      throws Exception {
    open(shape);
    TcpProxy network = SecondStore.proxy(bench.database);
    bench.appendBacklog(300, 1_000);
    try (network;
        SecondStore second = SecondStore.of(bench.database, network);
        KafkaRelay relay = relay(second, halfSent(network::freeze)).start()) {
      awaitFault();
      await().atMost(Bench.PATIENCE).until(() -> !bench.uncommitted().isEmpty());
      await().atMost(Bench.PATIENCE).until(() -> !bench.hasOpenTransaction());
      AppendResult meanwhile = bench.append("order-1", 5);
      network.restore();
      relay.awaitPublished(meanwhile.position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void a_silent_database_that_another_relay_can_reach_does_not_bring_two_of_them_in_each_others_way(
      Shape shape) throws Exception {
    open(shape);
    TcpProxy network = SecondStore.proxy(bench.database);
    bench.appendBacklog(300, 1_000);
    try (network;
        SecondStore second = SecondStore.of(bench.database, network);
        KafkaRelay silent = relay(second, halfSent(network::freeze)).start()) {
      awaitFault();
      await().atMost(Bench.PATIENCE).until(() -> !bench.uncommitted().isEmpty());
      try (KafkaRelay other = bench.relay().start()) {
        // A lane that it does not lead yet, the silent one would rightly keep.
        await().atMost(Bench.PATIENCE).until(() -> Bench.leadsAll(other));
        Load load = new Load(bench);
        network.restore();
        await().atMost(Bench.PATIENCE).until(() -> silent.status().state() == State.STANDBY);
        other.awaitPublished(load.stop().position(), Bench.PATIENCE);
        assertThat(other.status().fenced()).isZero();
      }
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void an_append_that_is_not_at_its_end_holds_back_what_came_after_it_and_is_named(Shape shape)
      throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start();
        Connection open = bench.database.open()) {
      open.setAutoCommit(false);
      bench.append(bench.store.within(open), "order-1", 2);
      AppendResult later = bench.append("order-2", 3);
      int pid = open.unwrap(PGConnection.class).getBackendPID();
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().blockers().stream()
                      .anyMatch(blocker -> blocker.pid().equals(Optional.of(pid))));
      assertThat(bench.uncommitted()).isEmpty();
      open.commit();
      relay.awaitPublished(later.position(), Bench.PATIENCE);
    }
    bench.check();
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void an_append_that_is_rolled_back_leaves_a_hole_and_nothing_else(Shape shape) throws Exception {
    open(shape);
    try (KafkaRelay relay = bench.relay().start();
        Connection open = bench.database.open()) {
      open.setAutoCommit(false);
      for (int round = 0; round < 3; round++) {
        bench.append("order-3", 1);
        bench.append(bench.store.within(open), "order-1", 2);
        AppendResult later = bench.append("order-2", 3);
        open.rollback();
        relay.awaitPublished(later.position(), Bench.PATIENCE);
      }
    }
    bench.check();
    assertThat(bench.consumed()).hasSize(12);
  }
}
