package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Certificates that have expired, the broker's and the relay's own. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@OwnBroker
@Tag("faults")
@Order(1)
class ExpiredCertificateTest {

  private static final String NODE = "1";

  @TempDir private Path folder;
  private Bench bench;
  private Authority authority;
  private Map<String, String> settings;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    bench = new Bench(database, broker);
    authority = new Authority(folder);
    settings = new HashMap<>(new KafkaUser(bench).settings());
    settings.putAll(authority.trust());
    brokerShows(authority.key("sound", false));
  }

  @AfterEach
  void close() {
    if (bench != null) {
      bench.close();
    }
  }

  /** The broker takes it for the next connections, without being restarted. */
  private void brokerShows(Path key) throws Exception {
    Map<String, String> secured = new HashMap<>(Authority.show(key));
    secured.putAll(authority.trust());
    secured.put("ssl.truststore.type", "PKCS12");
    List<AlterConfigOp> operations =
        secured.entrySet().stream()
            .map(
                setting ->
                    new AlterConfigOp(
                        new ConfigEntry(
                            "listener.name.secured." + setting.getKey(), setting.getValue()),
                        AlterConfigOp.OpType.SET))
            .toList();
    try (Admin admin = bench.admin()) {
      admin
          .incrementalAlterConfigs(
              Map.of(new ConfigResource(ConfigResource.Type.BROKER, NODE), operations))
          .all()
          .get();
    }
  }

  @Test
  void while_the_brokers_has_expired_a_relay_says_so_and_goes_on_when_it_is_renewed()
      throws Exception {
    try (KafkaRelay relay = bench.relay(settings).start()) {
      relay.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
    }
    brokerShows(authority.key("expired", true));
    bench.append("order-1", 10);
    try (RelayProcess relay = new RelayProcess(bench, folder, "warn", settings)) {
      await()
          .atMost(Bench.PATIENCE)
          .untilAsserted(
              () -> assertThat(relay.status()).contains("state=STARTING").contains("NotAfter"));
      assertThat(bench.consumed()).hasSize(10);
      brokerShows(authority.key("renewed", false));
      await().atMost(Bench.PATIENCE).until(() -> bench.consumed().size() == 20);
    }
    bench.check();
  }

  /** Java's stack traces of it are long, and some of Kafka's clients log all of them. */
  @Test
  void while_the_brokers_has_expired_for_a_minute_there_are_some_tens_of_lines() throws Exception {
    brokerShows(authority.key("expired-for-long", true));
    bench.append("order-1", 10);
    try (RelayProcess relay = new RelayProcess(bench, folder, "warn", settings)) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().contains("NotAfter"));
      int before = relay.output().length();
      Thread.sleep(Duration.ofMinutes(1).toMillis());
      String logged = relay.output().substring(before);
      assertThat(logged.lines().filter(line -> !line.startsWith("RelayStatus")).count())
          .as(logged)
          .isBetween(1L, 60L);
      brokerShows(authority.key("sound-again", false));
      await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") == 10);
    }
    bench.check();
  }

  @Test
  void one_whose_own_has_expired_hands_the_lead_over_to_one_with_a_sound_one() throws Exception {
    Map<String, String> expired = new HashMap<>(settings);
    expired.putAll(Authority.show(authority.key("expired-client", true)));
    Map<String, String> sound = new HashMap<>(settings);
    sound.putAll(Authority.show(authority.key("sound-client", false)));
    bench.append("order-1", 10);
    try (KafkaRelay first = bench.relay(expired).leaseTtl(Duration.ofMinutes(10)).start()) {
      await().atMost(Bench.PATIENCE).until(() -> first.status().reason().isPresent());
      try (KafkaRelay second = bench.relay(sound).leaseTtl(Duration.ofMinutes(10)).start()) {
        second.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
        await().atMost(Bench.PATIENCE).until(() -> first.status().state() == State.STANDBY);
        assertThat(first.status().reason().orElseThrow())
            .contains("handed the lead over")
            .contains("SslAuthenticationException");
        assertThat(first.status().eventsSent()).isZero();
      }
    }
    bench.check();
  }
}
