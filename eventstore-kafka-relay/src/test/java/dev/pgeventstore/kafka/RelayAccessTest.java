package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.acl.AclBinding;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A relay that must log in, and may not do everything at any time. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayAccessTest {

  private Bench bench;
  private KafkaUser user;
  @TempDir private Path folder;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
    bench = new Bench(database, broker);
    user = new KafkaUser(bench);
  }

  @AfterEach
  void close() {
    if (bench != null) {
      bench.close();
    }
  }

  @Test
  void when_it_may_not_write_to_the_topic_any_more_it_waits_until_it_may() throws Exception {
    revokeAndGrant(user.writeEvents());
  }

  @Test
  void when_it_may_not_have_transactions_any_more_it_waits_until_it_may() throws Exception {
    revokeAndGrant(user.useTransactionalIds());
  }

  private void revokeAndGrant(AclBinding binding) throws Exception {
    try (KafkaRelay relay = bench.relay(user.settings()).start()) {
      relay.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
      user.revoke(binding);
      AppendResult refused = bench.append("order-1", 10);
      awaitRefused(relay);
      assertThat(bench.consumed()).hasSize(10);
      user.grant(binding);
      relay.awaitPublished(refused, Bench.PATIENCE);
      assertThat(relay.status().reason()).isEmpty();
    }
    bench.check();
  }

  @Test
  void when_it_may_not_read_its_position_it_waits_until_it_may() throws Exception {
    try (KafkaRelay relay = bench.relay(user.settings()).start()) {
      relay.awaitPublished(bench.append("order-1", 10), Bench.PATIENCE);
    }
    user.revoke(user.readPositions());
    AppendResult more = bench.append("order-1", 10);
    try (KafkaRelay relay = bench.relay(user.settings()).start()) {
      awaitRefused(relay);
      assertThat(bench.consumed()).hasSize(10);
      user.grant(user.readPositions());
      relay.awaitPublished(more, Bench.PATIENCE);
    }
    bench.check();
  }

  @Test
  void with_a_wrong_password_it_waits_until_that_is_the_right_one() throws Exception {
    AppendResult append = bench.append("order-1", 10);
    String wrong = "not-yet-" + user.password();
    try (KafkaRelay relay = bench.relay(user.settings(wrong)).start()) {
      awaitRefused(relay);
      user.password(wrong);
      relay.awaitPublished(append, Bench.PATIENCE);
    }
    bench.check();
  }

  /** It says that it is refused, and tries again. */
  private static void awaitRefused(KafkaRelay relay) {
    await()
        .atMost(Bench.PATIENCE)
        .until(() -> relay.status().reason().isPresent() || isHalted(relay));
    assertThat(relay.status().state()).as(relay.status().toString()).isEqualTo(State.STARTING);
    assertThat(relay.status().reason().orElseThrow())
        .containsPattern("(?i)authori[sz]|authenticat");
  }

  private static boolean isHalted(KafkaRelay relay) {
    return relay.status().state() == State.HALTED;
  }

  @Test
  void no_secret_is_in_what_it_logs_says_or_throws() throws Exception {
    Map<String, String> right = user.settings();
    Map<String, String> wrong = user.settings("wrong-" + user.password());
    String trustStorePassword = right.get("ssl.truststore.password");
    AppendResult append = bench.append("order-1", 10);
    StringBuilder said = new StringBuilder();

    KafkaRelay.Builder builder = bench.relay(wrong);
    try (KafkaRelay relay = builder.start()) {
      awaitRefused(relay);
      said.append(builder).append(relay).append(relay.status());
      said.append(stackTrace(() -> relay.awaitPublished(append, Duration.ofMillis(1))));
    }
    Map<String, String> unusable = new HashMap<>(right);
    unusable.put("ssl.truststore.location", folder.resolve("missing.p12").toString());
    try (KafkaRelay relay = bench.relay(unusable).start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().reason().isPresent());
      said.append(relay.status());
    }
    Map<String, String> malformed = new HashMap<>(right);
    malformed.put("ssl.truststore.type", "no such type");
    malformed.put("linger.ms", "soon");
    said.append(stackTrace(() -> bench.relay(malformed).start().close()));

    // All that can be logged, by the client library too.
    try (RelayProcess relay = new RelayProcess(bench, folder, "trace", wrong)) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().contains("uthentication"));
      said.append(relay.output());
    }
    try (RelayProcess relay = new RelayProcess(bench, folder, "trace", right)) {
      await().atMost(Bench.PATIENCE).until(() -> relay.count("eventsSent") == 10);
      said.append(relay.output());
    }

    assertThat(said.toString()).contains("INFO", "DEBUG", "TRACE");
    assertThat(said.toString().contains(user.password())).as("the password is told").isFalse();
    assertThat(said.toString().contains(trustStorePassword))
        .as("the trust store's password is told")
        .isFalse();
    bench.check();
  }

  private interface Failing {
    void run() throws InterruptedException, TimeoutException;
  }

  private static String stackTrace(Failing failing) throws InterruptedException {
    StringWriter text = new StringWriter();
    try {
      failing.run();
    } catch (RuntimeException | TimeoutException e) {
      e.printStackTrace(new PrintWriter(text, true));
    }
    assertThat(text.toString()).isNotEmpty();
    return text.toString();
  }
}
