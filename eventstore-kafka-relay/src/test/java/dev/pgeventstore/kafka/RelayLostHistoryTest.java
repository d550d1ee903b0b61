package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Databases that went back behind what a relay has published, and that nothing was lost of. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
@Tag("faults")
class RelayLostHistoryTest {

  private static final Pattern NEW_SERIES = Pattern.compile("newSeries\\(Position.of\\((\\d+)\\)");

  private Database database;
  private KafkaBroker broker;
  private Bench bench;
  private String topic;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    this.database = database;
    this.broker = broker;
    bench = new Bench(database, broker);
    topic = bench.topic;
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** The same relay whatever database it is used on. */
  private KafkaRelay.Builder relay(Delivery delivery) {
    return Bench.relay(bench.store, bench.kafkaSettings(Map.of()), topic, new Shape(delivery, 1))
        .store("store-of-" + topic);
  }

  private void restore(OlderState state) throws SQLException {
    bench.close();
    state.putBack();
    bench = new Bench(database, broker);
  }

  private void messages(String relay, String text, int count) throws SQLException {
    try (Connection connection = bench.database.open()) {
      connection.setAutoCommit(false);
      Outbox.of(bench.store.within(connection))
          .publish(
              IntStream.range(0, count)
                  .mapToObj(i -> OutboxMessage.to(relay, topic).key("k").json('"' + text + i + '"'))
                  .toList());
      connection.commit();
    }
  }

  private void messages(String text, int count) throws SQLException {
    messages("relay-of-" + topic, text, count);
  }

  private void awaitAll(KafkaRelay relay) throws Exception {
    relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
  }

  private void publishAll(Delivery delivery) throws Exception {
    try (KafkaRelay relay = relay(delivery).start()) {
      awaitAll(relay);
    }
  }

  private List<String> values() {
    return bench.consumed(topic).stream()
        .filter(record -> record.headers().lastHeader("es_version") == null)
        .map(record -> new String(record.value(), UTF_8))
        .toList();
  }

  private String haltedReason(Delivery delivery) throws Exception {
    int before = bench.consumed(topic).size();
    try (KafkaRelay relay = relay(delivery).start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().state() == State.HALTED
                      || relay.status().state() == State.LEADING && relay.status().lag() == 0);
      assertThat(relay.status().state()).as(relay.status().toString()).isEqualTo(State.HALTED);
      assertThat(bench.consumed(topic)).hasSize(before);
      return relay.status().reason().orElseThrow();
    }
  }

  private void goOnAsItSays(Delivery delivery, String reason) throws Exception {
    Matcher series = NEW_SERIES.matcher(reason);
    assertThat(series.find()).as(reason).isTrue();
    Position after = Position.of(Long.parseLong(series.group(1)));
    relay(delivery).operations().newSeries(after, "as it says");
    publishAll(delivery);
    bench.append("order-9", 1);
    publishAll(delivery);
    VerificationReport report = relay(delivery).operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void when_the_lost_tail_was_messages_only_it_halts_and_publishes_all_in_a_new_series(
      Delivery delivery) throws Exception {
    OlderState state;
    try (KafkaRelay relay = relay(delivery).start()) {
      bench.append("order-1", 2);
      messages("kept", 2);
      awaitAll(relay);
      state = OlderState.of(database);
      messages("lost", 3);
      awaitAll(relay);
    }
    restore(state);
    messages("new", 5);

    String reason = haltedReason(delivery);

    assertThat(reason)
        .contains("does not know token")
        .contains("3 of the last records are of events or outbox messages")
        .contains("position 5 (an outbox message, key k) in " + topic)
        .contains("position 7 (an outbox message, key k) in " + topic)
        .contains("newSeries(Position.of(4)");
    goOnAsItSays(delivery, reason);
    assertThat(values())
        .containsExactly(
            "\"kept0\"",
            "\"kept1\"",
            "\"lost0\"",
            "\"lost1\"",
            "\"lost2\"",
            "\"new0\"",
            "\"new1\"",
            "\"new2\"",
            "\"new3\"",
            "\"new4\"");
  }

  @ParameterizedTest
  @EnumSource
  void what_a_later_lead_has_published_is_missed_as_well(Delivery delivery) throws Exception {
    messages("kept", 2);
    publishAll(delivery);
    OlderState state = OlderState.of(database);
    messages("lost", 1);
    publishAll(delivery);
    restore(state);
    messages("new", 1);

    goOnAsItSays(delivery, haltedReason(delivery));
    assertThat(values()).containsExactly("\"kept0\"", "\"kept1\"", "\"lost0\"", "\"new0\"");
  }

  @Test
  void what_was_only_passed_over_is_missed_as_well() throws Exception {
    Delivery delivery = Delivery.EXACTLY_ONCE;
    OlderState state;
    try (KafkaRelay relay = relay(delivery).start()) {
      messages("kept", 1);
      awaitAll(relay);
      state = OlderState.of(database);
      messages("another-relay", "not mine", 3);
      Position passed = bench.store.highWaterMark();
      await()
          .atMost(Bench.PATIENCE)
          .until(() -> relay(delivery).operations().position().equals(passed));
    }
    restore(state);
    messages("new", 4);

    goOnAsItSays(delivery, haltedReason(delivery));
    assertThat(values())
        .containsExactly("\"kept0\"", "\"new0\"", "\"new1\"", "\"new2\"", "\"new3\"");
  }

  @ParameterizedTest
  @EnumSource
  void what_an_operator_has_sent_is_missed_as_well(Delivery delivery) throws Exception {
    bench.append("order-1", 1);
    publishAll(delivery);
    OlderState state = OlderState.of(database);
    relay(delivery).operations().publishTombstone(StreamId.parse("order-1"));
    restore(state);

    assertThat(haltedReason(delivery)).contains("does not know token");
  }

  /** Two copies of one database, and a relay at work on each, the one after the other. */
  @ParameterizedTest
  @EnumSource
  void whichever_of_two_copies_publishes_first_the_other_one_halts(Delivery delivery)
      throws Exception {
    messages("common", 1);
    publishAll(delivery);
    OlderState copy = OlderState.of(database);
    // The original publishes first: as many as the copy will, at the same positions.
    messages("original", 1);
    publishAll(delivery);
    OlderState original = OlderState.of(database);
    restore(copy);
    messages("copy", 1);
    assertThat(haltedReason(delivery)).contains("does not know token");

    // And it is not the original that halts.
    restore(original);
    messages("more", 1);
    publishAll(delivery);
    original = OlderState.of(database);

    // The copy is made the one that counts, and the original goes on.
    restore(copy);
    messages("copy", 1);
    String reason = haltedReason(delivery);
    goOnAsItSays(delivery, reason);
    OlderState afterwards = OlderState.of(database);
    restore(original);
    messages("zombie", 1);
    assertThat(haltedReason(delivery))
        .containsAnyOf("history is not the one that was published", "are not in its notes");
    restore(afterwards);
    publishAll(delivery);
    assertThat(values()).contains("\"copy0\"").doesNotContain("\"zombie0\"");
  }

  @ParameterizedTest
  @EnumSource
  void a_copy_that_leads_first_makes_the_original_halt(Delivery delivery) throws Exception {
    messages("common", 1);
    publishAll(delivery);
    OlderState original = OlderState.of(database);
    messages("copy", 1);
    publishAll(delivery);
    OlderState copy = OlderState.of(database);
    restore(original);
    messages("original", 1);
    assertThat(haltedReason(delivery)).contains("does not know token");
    restore(copy);
    messages("more", 1);
    publishAll(delivery);
    assertThat(values()).containsExactly("\"common0\"", "\"copy0\"", "\"more0\"");
  }

  @ParameterizedTest
  @EnumSource
  void with_nothing_lost_it_goes_on_in_a_copy_that_is_another_database(Delivery delivery)
      throws Exception {
    bench.append("order-1", 2);
    messages("kept", 2);
    publishAll(delivery);
    bench.append("order-1", 1);
    messages("waiting", 1);
    bench.close();
    String name = "copy_" + System.nanoTime();
    try (Connection connection = named("postgres").open();
        Statement statement = connection.createStatement()) {
      statement.execute("create database %s template %s".formatted(name, name(database)));
      try {
        bench = new Bench(named(name), broker);
        publishAll(delivery);
        bench.append("order-1", 1);
        publishAll(delivery);
        VerificationReport report = relay(delivery).operations().verify(progress -> {});
        assertThat(report.isExact()).as("%s", report).isTrue();
        assertThat(values()).containsExactly("\"kept0\"", "\"kept1\"", "\"waiting0\"");
      } finally {
        bench.close();
        statement.execute("drop database %s with (force)".formatted(name));
      }
    }
  }

  private Database named(String name) {
    return new Database(database.url().replaceFirst("/[^/?]+\\?", "/" + name + "?"));
  }

  private static String name(Database database) {
    return database.url().replaceFirst("^.*/([^/?]+)\\?.*$", "$1");
  }

  @Test
  void a_lead_that_is_lost_draws_no_token_and_sends_nothing() throws Exception {
    try (KafkaRelay relay = relay(Delivery.AT_LEAST_ONCE).start()) {
      messages("mine", 1);
      awaitAll(relay);
      execute(
          "update eventstore.leases set owner = 'another', epoch = epoch + 1, lease_until = 'infinity'");
      messages("not mine", 1);
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.STANDBY);
      assertThat(values()).containsExactly("\"mine0\"");
    }
  }

  @Test
  void a_sequence_that_is_set_back_by_hand_halts_a_relay_that_runs_or_starts() throws Exception {
    String setBack = "select setval('eventstore.events_position_seq', 2)";
    try (KafkaRelay relay = relay(Delivery.EXACTLY_ONCE).start()) {
      messages("kept", 6);
      awaitAll(relay);
      query(setBack);
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
    }
    bench.close();
    bench = new Bench(database, broker);
    try (KafkaRelay relay = relay(Delivery.EXACTLY_ONCE).start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow()).contains("no position beyond 2 yet");
    }
  }

  private void query(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate(sql)).isPositive();
    }
  }

  @Test
  void records_say_their_token_only_at_least_once() throws Exception {
    bench.append("order-1", 1);
    publishAll(Delivery.AT_LEAST_ONCE);
    assertThat(header(bench.consumed(topic).get(0), "es_token")).matches("[a-z0-9]+:1");
  }
}
