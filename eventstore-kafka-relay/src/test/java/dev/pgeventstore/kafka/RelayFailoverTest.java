package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Two servers with one history: a standby that is promoted, a copy that runs beside the original.
 */
@ExtendWith(KafkaExtension.class)
@Tag("faults")
class RelayFailoverTest {

  private static final Pattern NEW_SERIES = Pattern.compile("newSeries\\(Position.of\\((\\d+)\\)");
  private static final Pattern PORT = Pattern.compile("//127\\.0\\.0\\.1:(\\d+)/([^?]+)\\?");

  @TempDir private Path folder;

  private PostgresServer first;
  private PostgresServer second;
  private DataFolder ofFirst;
  private DataFolder ofSecond;
  private KafkaBroker broker;
  private Database database;
  private Bench bench;
  private String topic;

  @BeforeEach
  void open(KafkaBroker broker) throws Exception {
    this.broker = broker;
    first = PostgresServer.start();
    assumeTrue(first.canBeKilled(), "needs servers that were started here");
    second = PostgresServer.start();
    ofFirst = DataFolder.of(first);
    ofSecond = DataFolder.of(second);
    database = first.createDatabase();
    bench = new Bench(database, broker);
    topic = bench.topic;
  }

  @AfterEach
  void close() {
    if (bench != null) {
      bench.close();
    }
    first.close();
    if (second != null) {
      second.close();
    }
  }

  private KafkaRelay.Builder relay(Bench of, Delivery delivery) {
    return Bench.relay(of.store, of.kafkaSettings(Map.of()), topic, new Shape(delivery, 1));
  }

  private void messages(Bench to, String text, int count) throws Exception {
    try (Connection connection = to.database.open()) {
      connection.setAutoCommit(false);
      Outbox.of(to.store.within(connection))
          .publish(
              IntStream.range(0, count)
                  .mapToObj(
                      i ->
                          OutboxMessage.to("relay-of-" + topic, topic)
                              .key("k")
                              .json('"' + text + i + '"'))
                  .toList());
      connection.commit();
    }
  }

  private static void awaitAll(Bench of, KafkaRelay relay) throws Exception {
    relay.awaitPublished(of.store.highWaterMark(), Bench.PATIENCE);
  }

  private List<String> values() {
    return bench.consumed(topic).stream()
        .filter(record -> record.headers().lastHeader("es_version") == null)
        .map(record -> new String(record.value(), UTF_8))
        .toList();
  }

  private static String haltedReason(KafkaRelay relay) {
    await()
        .atMost(Bench.PATIENCE)
        .untilAsserted(
            () ->
                assertThat(relay.status().state())
                    .as(relay.status().toString())
                    .isEqualTo(State.HALTED));
    return relay.status().reason().orElseThrow();
  }

  /** The second server has what the first one has, and the first goes on. */
  private void copyToSecond() throws Exception {
    first.killHard();
    Path copy = folder.resolve("copy");
    ofFirst.copyTo(copy);
    second.killHard();
    ofSecond.putBack(copy);
    first.restart();
  }

  private void followFirst() throws Exception {
    Matcher address = address(database.url());
    Files.createFile(ofSecond.folder().resolve("standby.signal"));
    Files.writeString(
        ofSecond.folder().resolve("postgresql.auto.conf"),
        "primary_conninfo = 'host=127.0.0.1 port=%s user=postgres'\n".formatted(address.group(1)),
        StandardOpenOption.APPEND);
    second.restart();
  }

  private static Matcher address(String url) {
    Matcher address = PORT.matcher(url);
    assertThat(address.find()).as(url).isTrue();
    return address;
  }

  private Database onSecond() {
    return new Database(second.url(address(database.url()).group(2)));
  }

  private void awaitReplayed() throws Exception {
    String written = query(database, "select pg_current_wal_flush_lsn()");
    await()
        .atMost(Bench.PATIENCE)
        .until(
            () ->
                query(
                        onSecond(),
                        "select pg_last_wal_replay_lsn() >= '%s'::pg_lsn".formatted(written))
                    .equals("t"));
  }

  private void promoteSecond() throws Exception {
    query(onSecond(), "select pg_promote()");
    await()
        .atMost(Bench.PATIENCE)
        .until(() -> query(onSecond(), "select pg_is_in_recovery()").equals("f"));
  }

  private static String query(Database on, String sql) throws Exception {
    try (Connection connection = on.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_standby_that_is_promoted_without_the_last_messages_halts_the_relay(Delivery delivery)
      throws Exception {
    copyToSecond();
    followFirst();
    try (KafkaRelay relay = relay(bench, delivery).start()) {
      messages(bench, "kept", 2);
      awaitAll(bench, relay);
      awaitReplayed();
      second.killHard();
      messages(bench, "lost", 3);
      awaitAll(bench, relay);
    }
    first.killHard();
    second.restart();
    promoteSecond();
    try (Bench promoted = new Bench(onSecond(), broker)) {
      messages(promoted, "new", 60);
      String reason;
      try (KafkaRelay relay = relay(promoted, delivery).start()) {
        reason = haltedReason(relay);
      }
      assertThat(reason)
          .contains("does not know token")
          .contains("3 of the last records are of events or outbox messages");
      assertThat(values()).hasSize(5);

      Matcher series = NEW_SERIES.matcher(reason);
      assertThat(series.find()).as(reason).isTrue();
      RelayOperations operations = relay(promoted, delivery).operations();
      operations.newSeries(Position.of(Long.parseLong(series.group(1))), "as it says");
      try (KafkaRelay relay = relay(promoted, delivery).start()) {
        awaitAll(promoted, relay);
      }
      assertThat(values()).hasSize(65).endsWith("\"new59\"");
      VerificationReport report = operations.verify(progress -> {});
      assertThat(report.isExact()).as("%s", report).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void after_a_switchover_that_loses_nothing_the_relay_goes_on(Delivery delivery) throws Exception {
    copyToSecond();
    followFirst();
    try (KafkaRelay relay = relay(bench, delivery).start()) {
      bench.append("order-1", 2);
      messages(bench, "kept", 2);
      awaitAll(bench, relay);
    }
    messages(bench, "waiting", 1);
    awaitReplayed();
    first.killHard();
    promoteSecond();
    try (Bench promoted = new Bench(onSecond(), broker)) {
      messages(promoted, "new", 2);
      try (KafkaRelay relay = relay(promoted, delivery).start()) {
        awaitAll(promoted, relay);
      }
      assertThat(values())
          .containsExactly("\"kept0\"", "\"kept1\"", "\"waiting0\"", "\"new0\"", "\"new1\"");
      VerificationReport report = relay(promoted, delivery).operations().verify(progress -> {});
      assertThat(report.isExact()).as("%s", report).isTrue();
    }
  }

  /** Both lead, each by the lease in its own database. */
  @ParameterizedTest
  @EnumSource(names = "EXACTLY_ONCE")
  void of_two_that_run_beside_each_other_the_one_that_publishes_second_halts(Delivery delivery)
      throws Exception {
    messages(bench, "common", 1);
    try (KafkaRelay relay = relay(bench, delivery).start()) {
      awaitAll(bench, relay);
    }
    copyToSecond();
    second.restart();
    try (Bench copy = new Bench(onSecond(), broker);
        KafkaRelay original = relay(bench, delivery).start()) {
      await().atMost(Bench.PATIENCE).until(() -> original.status().state() == State.LEADING);
      try (KafkaRelay other = relay(copy, delivery).start()) {
        // Nothing was published since, so it may: the original is fenced, and looks.
        await().atMost(Bench.PATIENCE).until(() -> other.status().state() == State.LEADING);
        messages(copy, "copy", 1);
        awaitAll(copy, other);
        messages(bench, "zombie", 2);
        assertThat(haltedReason(original)).contains("does not know token");
        messages(copy, "more", 1);
        awaitAll(copy, other);
      }
      assertThat(values()).containsExactly("\"common0\"", "\"copy0\"", "\"more0\"");
    }
    // And the other way round.
    try (Bench copy = new Bench(onSecond(), broker);
        KafkaRelay original = relay(bench, delivery).start()) {
      assertThat(haltedReason(original)).contains("does not know token");
      try (KafkaRelay other = relay(copy, delivery).start()) {
        await().atMost(Bench.PATIENCE).until(() -> other.status().state() == State.LEADING);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void an_original_that_published_before_its_copy_began_halts_the_copy(Delivery delivery)
      throws Exception {
    messages(bench, "common", 1);
    try (KafkaRelay relay = relay(bench, delivery).start()) {
      awaitAll(bench, relay);
    }
    copyToSecond();
    second.restart();
    try (Bench copy = new Bench(onSecond(), broker);
        KafkaRelay original = relay(bench, delivery).start()) {
      messages(bench, "original", 1);
      awaitAll(bench, original);
      messages(copy, "zombie", 2);
      try (KafkaRelay other = relay(copy, delivery).start()) {
        assertThat(haltedReason(other)).contains("does not know token");
      }
      messages(bench, "more", 1);
      awaitAll(bench, original);
    }
    assertThat(values()).containsExactly("\"common0\"", "\"original0\"", "\"more0\"");
  }
}
