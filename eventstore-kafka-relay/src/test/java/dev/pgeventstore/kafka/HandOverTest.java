package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A leader that cannot publish, and another one that can. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
@Tag("faults")
class HandOverTest {

  /** Where no broker is. */
  private static final String NOBODY = "127.0.0.1:1";

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** Starts it alone and waits until it has failed, so that it leads when the other one comes. */
  private void requireHandedOver(KafkaRelay.Builder broken, KafkaRelay.Builder sound, String why)
      throws Exception {
    bench.append("order-1", 10);
    try (KafkaRelay first = broken.start()) {
      await().atMost(Bench.PATIENCE).until(() -> first.status().reason().isPresent());
      try (KafkaRelay second = sound.start()) {
        second.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
        assertThat(second.status().state()).isEqualTo(State.LEADING);
        await().atMost(Bench.PATIENCE).until(() -> first.status().state() == State.STANDBY);
        assertThat(first.status().reason().orElseThrow())
            .contains("handed the lead over")
            .contains(why);
        // And it does not take it back while the other one lives.
        second.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
        assertThat(first.status().eventsSent()).isZero();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void one_with_a_dead_address_hands_the_lead_over(Delivery delivery) throws Exception {
    Map<String, String> dead =
        Map.of(
            "bootstrap.servers",
            NOBODY,
            "default.api.timeout.ms",
            "2000",
            "request.timeout.ms",
            "1000");
    requireHandedOver(
        bench.relay(dead).delivery(delivery).leaseTtl(Duration.ofMinutes(10)),
        bench.relay().delivery(delivery).leaseTtl(Duration.ofMinutes(10)),
        "");
    bench.check();
  }

  @ParameterizedTest
  @EnumSource
  void one_with_a_wrong_password_hands_the_lead_over(Delivery delivery) throws Exception {
    assumeTrue(bench.broker.canBeKilled(), "needs a broker that was started here");
    KafkaUser user = new KafkaUser(bench);
    requireHandedOver(
        bench
            .relay(user.settings("not-" + user.password()))
            .delivery(delivery)
            .leaseTtl(Duration.ofMinutes(10)),
        bench.relay(user.settings()).delivery(delivery).leaseTtl(Duration.ofMinutes(10)),
        "uthentication");
    bench.check();
  }

  @Test
  void one_that_may_not_write_to_the_topic_hands_the_lead_over() throws Exception {
    assumeTrue(bench.broker.canBeKilled(), "needs a broker that was started here");
    KafkaUser user = new KafkaUser(bench);
    user.revoke(user.writeEvents());
    requireHandedOver(
        bench.relay(user.settings()).leaseTtl(Duration.ofMinutes(10)),
        bench.relay().leaseTtl(Duration.ofMinutes(10)),
        // The broker may not have heard of the new user at first.
        "uth");
    bench.check();
  }

  /** At least once the position is in the database, and not every role may note it there. */
  @Test
  void one_whose_role_may_not_note_its_position_hands_the_lead_over_and_sends_nothing()
      throws Exception {
    String role = "cannot_note_" + bench.topic.replace('-', '_');
    try (KafkaRelay relay = bench.relay().delivery(Delivery.AT_LEAST_ONCE).start()) {
      relay.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
    }
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("create role " + role + " login");
      statement.execute("grant usage on schema eventstore to " + role);
      statement.execute("grant all on all tables in schema eventstore to " + role);
      statement.execute("grant all on all sequences in schema eventstore to " + role);
      statement.execute("grant execute on all functions in schema eventstore to " + role);
      statement.execute("revoke insert, update, delete on eventstore.lease_notes from " + role);
    }
    String url = bench.database.url();
    String asRole = url + (url.contains("?") ? '&' : '?') + "options=-c%20role=" + role;
    try (HikariDataSource pool = Bench.pool(asRole);
        PostgresEventStore store = Bench.store(pool)) {
      requireHandedOver(
          bench
              .relay(store, Map.of())
              .delivery(Delivery.AT_LEAST_ONCE)
              .leaseTtl(Duration.ofMinutes(10)),
          bench.relay().delivery(Delivery.AT_LEAST_ONCE).leaseTtl(Duration.ofMinutes(10)),
          "denied");
    } finally {
      try (Connection connection = bench.database.open();
          Statement statement = connection.createStatement()) {
        statement.execute("drop owned by " + role);
        statement.execute("drop role " + role);
      }
    }
    // Not even twice.
    ExactSequence.check(bench.stored(), bench.consumed());
  }

  @Test
  void two_that_both_cannot_take_turns_and_rest_in_between() throws Exception {
    assumeTrue(bench.broker.canBeKilled(), "needs a broker that was started here");
    KafkaUser user = new KafkaUser(bench);
    user.revoke(user.writeEvents());
    KafkaRelay.Builder refused = bench.relay(user.settings()).leaseTtl(Duration.ofMinutes(10));
    bench.append("order-1", 10);
    try (KafkaRelay first = refused.start();
        KafkaRelay second = refused.start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(() -> first.status().reason().isPresent() && second.status().reason().isPresent());
      // Such a try takes some hundredths of a second.
      long before = tenures();
      long began = System.nanoTime();
      await().atMost(Bench.PATIENCE).until(() -> tenures() >= before + 6);
      // Each has rested for longer than the other one takes to notice, each time.
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(6));
    }
  }

  private long tenures() throws Exception {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement();
        var row =
            statement.executeQuery(
                "select epoch from eventstore.leases where name = '" + bench.leaseName() + "'")) {
      row.next();
      return row.getLong(1);
    }
  }
}
