package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A broker that takes less than a relay has. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
class SlowBrokerTest {

  private static final int EVENTS = 6_000;
  private static final int BYTES_PER_SECOND = 400_000;

  private Database database;
  private KafkaBroker broker;
  private Bench bench;

  @BeforeEach
  void remember(Database database, KafkaBroker broker) {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    this.database = database;
    this.broker = broker;
  }

  private void open(Shape shape) {
    bench = new Bench(database, broker, shape);
  }

  @AfterEach
  void close() {
    if (bench != null) {
      bench.broker.proxy().restore();
      bench.close();
    }
  }

  /** All that it sends is as large as it looks. */
  private static Map<String, Object> settings(Map<String, Object> more) {
    Map<String, Object> settings = new HashMap<>(more);
    settings.put("transaction.timeout.ms", "5000");
    settings.put("compression.type", "none");
    return settings;
  }

  private void requireCaughtUp(int dataBytes, KafkaRelay.Builder builder) throws Exception {
    AppendResult last = bench.appendBacklog(EVENTS, dataBytes);
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(last.position(), Bench.PATIENCE);
      assertThat(relay.status().fenced()).as(relay.status().toString()).isZero();
      assertThat(relay.status().aborts())
          .as(relay.status().toString())
          .isLessThan(5L * bench.shape().lanes());
    }
    ExactSequence.check(bench.stored(), ExactSequence.restored(bench.uncommitted()));
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void with_a_quota_transactions_become_small_enough(Shape shape) throws Exception {
    open(shape);
    String client = "client-of-" + bench.topic;
    ClientQuotaEntity entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, client));
    try (Admin admin = bench.admin()) {
      admin
          .alterClientQuotas(
              List.of(
                  new ClientQuotaAlteration(
                      entity,
                      List.of(
                          new ClientQuotaAlteration.Op(
                              "producer_byte_rate", (double) BYTES_PER_SECOND)))))
          .all()
          .get();
    }
    requireCaughtUp(300, bench.relay(settings(Map.of("client.id", client))));
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void over_a_slow_link_transactions_become_small_enough(Shape shape) throws Exception {
    open(shape);
    bench.broker.proxy().slowDown(BYTES_PER_SECOND);
    requireCaughtUp(
        100, bench.relay(settings(Map.of("bootstrap.servers", bench.broker.proxiedBootstrap()))));
  }

  /** Nobody renews a lease while a transaction is open: it has to be over sooner. */
  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void over_a_slow_link_the_leader_keeps_the_lead(Shape shape) throws Exception {
    open(shape);
    AppendResult last = bench.appendBacklog(EVENTS, 100);
    Map<String, Object> patient = settings(Map.of());
    patient.put("transaction.timeout.ms", "60000");
    Map<String, Object> slow = new HashMap<>(patient);
    slow.put("bootstrap.servers", bench.broker.proxiedBootstrap());
    Duration lease = Duration.ofSeconds(4);
    try (KafkaRelay leader = bench.relay(slow).leaseTtl(lease).start()) {
      await().atMost(Bench.PATIENCE).until(() -> Bench.leadsAll(leader));
      bench.broker.proxy().slowDown(150_000);
      try (KafkaRelay standby = bench.relay(patient).leaseTtl(lease).start()) {
        leader.awaitPublished(last.position(), Bench.PATIENCE);
        assertThat(standby.status().eventsSent()).isZero();
        assertThat(leader.status().fenced()).isZero();
      }
    }
    ExactSequence.check(bench.stored(), ExactSequence.restored(bench.uncommitted()));
  }

  @ParameterizedTest
  @MethodSource("dev.pgeventstore.kafka.Shape#two")
  void with_small_batches_only_everything_is_published(Shape shape) throws Exception {
    open(shape);
    bench.configure(bench.topic, "max.message.bytes", "3000");
    requireCaughtUp(100, bench.relay(settings(Map.of())));
  }

  /** The broker answers what comes then as it answers one who was fenced. */
  @Test
  void a_transaction_that_outlives_its_time_out_counts_as_aborted_and_not_as_fenced()
      throws Exception {
    open(Shape.USUAL);
    bench.appendBacklog(10, 100);
    Runnable untilAborted =
        () ->
            await()
                .atMost(Bench.PATIENCE)
                .ignoreExceptions()
                .until(() -> !bench.hasOpenTransaction());
    try (KafkaRelay relay = bench.relay(Probe.at(Moment.HALF_SENT, untilAborted)).start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      assertThat(relay.status().aborts()).isPositive();
      assertThat(relay.status().fenced()).isZero();
    }
    bench.check();
  }

  @Test
  void at_least_once_the_lease_is_kept_while_kafka_is_silent() throws Exception {
    open(new Shape(Delivery.AT_LEAST_ONCE, 1));
    Map<String, String> silent =
        Map.of(
            "bootstrap.servers",
            bench.broker.proxiedBootstrap(),
            "transaction.timeout.ms",
            "60000");
    KafkaRelay.Builder builder = bench.relay(silent);
    try (KafkaRelay relay = builder.start();
        KafkaRelay other = builder.start()) {
      Position first = bench.append("order-1", 10).position();
      // The first that leads may have handed over before, on a busy machine.
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  Stream.of(relay, other)
                      .map(KafkaRelay::status)
                      .anyMatch(
                          status ->
                              status.state() == State.LEADING
                                  && !first.isAfter(status.position())));
      KafkaRelay leader = leader(relay, other);
      KafkaRelay standby = leader == relay ? other : relay;
      long epoch = leased("epoch");
      bench.broker.proxy().freeze();
      AppendResult more = bench.appendBacklog(3_000, 1_000);
      long enough = leased("extract(epoch from lease_until)::bigint") + 4;
      await()
          .atMost(Bench.PATIENCE)
          .until(() -> leased("extract(epoch from clock_timestamp())::bigint") > enough);
      assertThat(leased("epoch")).isEqualTo(epoch);
      assertThat(standby.status().state()).isEqualTo(State.STANDBY);
      bench.broker.proxy().restore();
      leader.awaitPublished(more, Bench.PATIENCE);
      assertThat(leased("epoch")).isEqualTo(epoch);
    }
    ExactSequence.check(bench.stored(), bench.consumed());
  }

  private static KafkaRelay leader(KafkaRelay one, KafkaRelay other) {
    await()
        .atMost(Bench.PATIENCE)
        .until(
            () -> one.status().state() == State.LEADING || other.status().state() == State.LEADING);
    return one.status().state() == State.LEADING ? one : other;
  }

  private long leased(String what) throws Exception {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select %s from eventstore.leases where name = '%s'"
                    .formatted(what, bench.leaseName()))) {
      row.next();
      return row.getLong(1);
    }
  }
}
