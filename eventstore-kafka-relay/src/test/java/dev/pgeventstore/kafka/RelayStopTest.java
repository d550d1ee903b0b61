package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A relay that is told to stop. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
class RelayStopTest {

  /**
   * Whoever had to wait for a lease or a transaction to time out would wait for longer than that.
   */
  private static final Duration LONGER_THAN_PATIENCE = Bench.PATIENCE.multipliedBy(5);

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private KafkaRelay.Builder patient(Map<String, ?> kafka) {
    Map<String, Object> settings = new HashMap<>(kafka);
    settings.put("transaction.timeout.ms", Long.toString(LONGER_THAN_PATIENCE.toMillis()));
    return bench.relay(settings).leaseTtl(LONGER_THAN_PATIENCE);
  }

  @ParameterizedTest
  @EnumSource(
      value = Moment.class,
      names = {"BEGUN", "HALF_SENT", "BEFORE_COMMIT"})
  void another_one_takes_over_at_once_from_one_that_is_stopped_in_the_middle_of_a_transaction(
      Moment moment) throws Exception {
    bench.appendBacklog(3_000, 1_000);
    AtomicReference<Thread> closing = new AtomicReference<>();
    AtomicReference<KafkaRelay> stopped = new AtomicReference<>();
    Map<String, Object> probe =
        Probe.at(
            moment,
            () -> {
              await().atMost(Bench.PATIENCE).until(() -> stopped.get() != null);
              Thread closer = new Thread(stopped.get()::close, "closer");
              closer.start();
              closing.set(closer);
            });
    stopped.set(patient(probe).start());
    await().atMost(Bench.PATIENCE).until(() -> closing.get() != null);
    await().atMost(Bench.PATIENCE).until(() -> !closing.get().isAlive());
    assertThat(bench.hasOpenTransaction()).isFalse();

    try (KafkaRelay successor = patient(Map.of()).start()) {
      successor.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    bench.check();
  }

  @Test
  void one_that_stands_by_takes_over_at_once_when_the_leader_is_stopped() throws Exception {
    Load load = new Load(bench);
    try (KafkaRelay leader = patient(Map.of()).start()) {
      await().atMost(Bench.PATIENCE).until(() -> leader.status().eventsSent() > 0);
      try (KafkaRelay next = patient(Map.of()).start()) {
        await()
            .atMost(Bench.PATIENCE)
            .until(() -> next.status().state() == RelayStatus.State.STANDBY);
        leader.close();
        next.awaitPublished(load.stop(), Bench.PATIENCE);
        assertThat(next.status().fenced()).isZero();
      }
    }
    bench.check();
  }

  @Test
  void it_stops_in_the_time_a_transaction_may_last_when_kafka_does_not_answer() throws Exception {
    assumeTrue(bench.broker.canBeKilled(), "needs a broker that was started here");
    TcpProxy network = bench.broker.proxy();
    bench.appendBacklog(300, 1_000);
    Map<String, Object> settings = new HashMap<>(Probe.at(Moment.HALF_SENT, network::freeze));
    settings.put("bootstrap.servers", bench.broker.proxiedBootstrap());
    try {
      KafkaRelay relay = bench.relay(settings).start();
      await().atMost(Bench.PATIENCE).until(() -> !bench.uncommitted().isEmpty());
      Thread closer = new Thread(relay::close, "closer");
      closer.start();
      await().atMost(Bench.PATIENCE).until(() -> !closer.isAlive());
    } finally {
      network.restore();
    }
    try (KafkaRelay successor = bench.relay().start()) {
      successor.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    bench.check();
  }
}
