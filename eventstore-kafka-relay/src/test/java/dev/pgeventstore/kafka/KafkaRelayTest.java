package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.postgres.Eraser;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class KafkaRelayTest {

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void events_arrive_once_and_in_order_before_and_after_a_restart_of_the_relay() throws Exception {
    bench.append("order-1", 3);
    bench.append("order-2", 2);
    try (KafkaRelay relay = bench.relay().start()) {
      AppendResult live = bench.append("order-1", 4);
      relay.awaitPublished(live, Bench.PATIENCE);
      assertThat(relay.status().state()).isEqualTo(State.LEADING);
      assertThat(relay.status().eventsSent()).isEqualTo(9);
    }
    bench.append("order-3", 5);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-2", 1), Bench.PATIENCE);
      assertThat(relay.status().eventsSent()).isEqualTo(6);
    }

    ExactSequence.check(bench.stored(), bench.consumed());
  }

  @Test
  void a_record_carries_the_stored_json_and_says_where_it_comes_from() throws Exception {
    String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    AppendResult append =
        bench.store.append(
            StreamId.of("order", "1"),
            ExpectedVersion.any(),
            List.of(
                NewEvent.of(EncodedEvent.of("OrderPlaced", 2, "{\"b\": 1.10,\"a\":\"ä\"}"))
                    .withMetadata(Metadata.none().with("traceparent", trace))));
    try (KafkaRelay relay = bench.relay().source("/shop").start()) {
      relay.awaitPublished(append, Bench.PATIENCE);
    }

    RecordedEvent event = bench.stored().get(0);
    ConsumerRecord<byte[], byte[]> record = bench.consumed().get(0);
    assertThat(new String(record.key(), UTF_8)).isEqualTo("order-1");
    assertThat(record.value()).isEqualTo(event.encoded().dataUtf8());
    assertThat(header(record, "ce_specversion")).isEqualTo("1.0");
    assertThat(header(record, "ce_id")).isEqualTo(event.id().toString());
    assertThat(header(record, "ce_source")).isEqualTo("/shop");
    assertThat(header(record, "ce_type")).isEqualTo("OrderPlaced");
    assertThat(header(record, "ce_subject")).isEqualTo("order-1");
    assertThat(header(record, "ce_time")).isEqualTo(event.recordedAt().toString());
    assertThat(header(record, "content-type")).isEqualTo("application/json");
    assertThat(header(record, "traceparent")).isEqualTo(trace);
    assertThat(header(record, "es_relay")).isEqualTo("relay-of-" + bench.topic);
    assertThat(header(record, "es_lane")).isEqualTo("0");
    assertThat(header(record, "es_position")).isEqualTo(event.position().toString());
    assertThat(header(record, "es_index")).isEqualTo("0");
    assertThat(header(record, "es_prev")).isEqualTo("0:0");
    assertThat(header(record, "es_version")).isEqualTo("1");
    assertThat(header(record, "es_revision")).isEqualTo("2");
  }

  @Test
  void events_that_are_not_wanted_are_passed_over_and_the_position_moves_on() throws Exception {
    EventQuery orders = EventQuery.all().categories("order");
    try (KafkaRelay relay = bench.relay().query(orders).start()) {
      bench.append("order-1", 1);
      AppendResult unwanted = bench.append("mail-1", 1);
      relay.awaitPublished(unwanted, Bench.PATIENCE);
      await().atMost(Bench.PATIENCE).until(() -> keptPosition() >= unwanted.position().value());
      assertThat(relay.status().eventsSent()).isEqualTo(1);
    }
    try (KafkaRelay relay = bench.relay().query(orders).start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      assertThat(relay.status().eventsSent()).isEqualTo(1);
    }

    List<RecordedEvent> wanted = bench.stored().stream().filter(orders::matches).toList();
    ExactSequence.check(wanted, bench.consumed());
  }

  private long keptPosition() {
    return bench.consumed(bench.positionTopic()).stream()
        .filter(record -> new String(record.key(), UTF_8).equals("lane/0/position"))
        .mapToLong(
            record -> LanePosition.parse(new String(record.value(), UTF_8)).position().value())
        .max()
        .orElse(0);
  }

  @Test
  void a_missing_target_topic_halts_the_relay_within_seconds() {
    AppendResult append = bench.append("order-1", 1);
    try (KafkaRelay relay = bench.relay().topic("nowhere-" + bench.topic).start()) {
      assertThatThrownBy(() -> relay.awaitPublished(append, Bench.PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("nowhere-" + bench.topic + " does not exist");
      assertThat(relay.status().state()).isEqualTo(State.HALTED);
    }
  }

  /**
   * Lanes end at different positions: behind another lane's events would be repeated or left out.
   */
  @Test
  void without_its_position_topic_each_of_several_lanes_says_how_that_lane_goes_on()
      throws Exception {
    try (KafkaRelay relay = bench.relay().lanes(2).start()) {
      for (int i = 1; i <= 8; i++) {
        relay.awaitPublished(bench.append("order-" + i, 1), Bench.PATIENCE);
      }
    }
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of(bench.positionTopic())).all().get();
    }

    try (KafkaRelay relay = bench.relay().lanes(2).start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () -> relay.status().lanes().stream().allMatch(lane -> lane.state() == State.HALTED));
      assertThat(relay.status().lanes())
          .allSatisfy(
              lane ->
                  assertThat(lane.reason().orElseThrow())
                      .contains("newSeries(%d, Position.of(".formatted(lane.lane())));
    }
  }

  @Test
  void the_audit_of_a_lane_that_the_relay_does_not_have_is_refused() {
    RelayOperations operations = bench.relay().lanes(2).operations();

    assertThatThrownBy(() -> operations.audit(2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the relay has the lanes 0 to 1, not 2");
  }

  @Test
  void without_its_position_topic_it_does_not_repeat_what_was_published() throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 3), Bench.PATIENCE);
    }
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of(bench.positionTopic())).all().get();
    }
    Position published = bench.store.highWaterMark();
    AppendResult append = bench.append("order-1", 1);

    try (KafkaRelay relay = bench.relay().start()) {
      assertThatThrownBy(() -> relay.awaitPublished(append, Bench.PATIENCE))
          .hasMessageContaining(bench.positionTopic() + " is missing")
          .hasMessageContaining("newSeries(Position.of(" + published + ")");
    }
    assertThat(bench.consumed()).hasSize(3);

    bench.relay().operations().newSeries(published, "as it says");
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(append, Bench.PATIENCE);
    }
    assertThat(bench.consumed()).hasSize(4);
  }

  @Test
  void a_relay_whose_topics_are_named_by_its_mapper_does_not_start_over_either() throws Exception {
    CloudEvents events = CloudEvents.from("/test");
    KafkaRelay.Builder mapped =
        KafkaRelay.builder(bench.store, Map.of("bootstrap.servers", bench.broker.bootstrap()))
            .name("mapped-" + bench.topic)
            .positionTopic("positions-" + bench.topic)
            .mapper(event -> List.of(events.record(event).topic(bench.topic)));
    try (KafkaRelay relay = mapped.start()) {
      relay.awaitPublished(bench.append("order-1", 3), Bench.PATIENCE);
    }
    try (Admin admin = bench.admin()) {
      admin.deleteTopics(List.of("positions-" + bench.topic)).all().get();
    }
    try (KafkaRelay relay = mapped.start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow())
          .contains("positions-" + bench.topic + " is missing, but relay");
    }
    assertThat(bench.consumed()).hasSize(3);
  }

  @Test
  void an_emptied_position_topic_is_refused_as_well() throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 3), Bench.PATIENCE);
    }
    String empty = "empty-" + bench.topic;
    try (Admin admin = bench.admin()) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(empty, 1, (short) 1).configs(Map.of("cleanup.policy", "compact"))))
          .all()
          .get();
    }

    AppendResult append = bench.append("order-1", 1);
    try (KafkaRelay relay = bench.relay().positionTopic(empty).start()) {
      assertThatThrownBy(() -> relay.awaitPublished(append, Bench.PATIENCE))
          .hasMessageContaining(empty + " has no position");
    }
  }

  @Test
  void a_position_topic_that_would_lose_positions_is_refused() {
    String deleting = "deleting-" + bench.topic;
    bench.createTopic(deleting, 1);

    AppendResult append = bench.append("order-1", 1);
    try (KafkaRelay relay = bench.relay().positionTopic(deleting).start()) {
      assertThatThrownBy(() -> relay.awaitPublished(append, Bench.PATIENCE))
          .hasMessageContaining("cleanup.policy");
    }
  }

  @Test
  void it_halts_when_the_store_has_another_history_than_was_published() throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 3), Bench.PATIENCE);
    }
    execute("update eventstore.events set id = gen_random_uuid() where version = 3");
    AppendResult append = bench.append("order-1", 1);

    try (KafkaRelay relay = bench.relay().start()) {
      assertThatThrownBy(() -> relay.awaitPublished(append, Bench.PATIENCE))
          .hasMessageContaining("history is not the one that was published");
    }
    assertThat(bench.consumed()).hasSize(3);
  }

  @Test
  void it_halts_when_what_was_published_is_gone_from_the_store() throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 3), Bench.PATIENCE);
    }
    execute("delete from eventstore.events where version = 3");

    try (KafkaRelay relay = bench.relay().start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow()).contains("the store has no such event");
    }
  }

  @Test
  void it_goes_on_when_what_it_stands_at_was_truncated_erased_or_purged() throws Exception {
    Eraser eraser = Eraser.of(bench.database.dataSource(), "eventstore");
    StreamId order = StreamId.parse("order-1");
    bench.append("order-1", 2);
    publishAll();
    bench.append("order-1", 1);
    eraser.erase(order, 2, "a test");
    publishAll();
    bench.append("order-1", 1);
    eraser.truncateBefore(order, 4);
    publishAll();
    eraser.tombstone(order);
    eraser.purge(order);
    bench.append("order-2", 1);
    publishAll();

    assertThat(bench.consumed())
        .extracting(record -> new String(record.key(), UTF_8) + "@" + header(record, "es_version"))
        .containsExactlyInAnyOrder("order-1@1", "order-1@2", "order-1@3", "order-1@4", "order-2@1");
  }

  @Test
  void what_was_truncated_or_tombstoned_before_is_not_published_and_what_was_erased_is_empty()
      throws Exception {
    Eraser eraser = Eraser.of(bench.database.dataSource(), "eventstore");
    for (String stream : List.of("order-1", "order-2", "order-3")) {
      bench.append(stream, 3);
    }
    eraser.erase(StreamId.parse("order-1"), 2, "a test");
    eraser.truncateBefore(StreamId.parse("order-2"), 3);
    eraser.tombstone(StreamId.parse("order-3"));
    publishAll();

    assertThat(bench.consumed())
        .extracting(record -> header(record, "ce_id"))
        .containsExactlyInAnyOrderElementsOf(
            bench.stored().stream().map(event -> event.id().toString()).toList());
    assertThat(bench.consumed())
        .filteredOn(record -> header(record, "ce_type").equals("$erased"))
        .singleElement()
        .satisfies(record -> assertThat(record.value()).isEqualTo("{}".getBytes(UTF_8)))
        .satisfies(record -> assertThat(header(record, "ce_subject")).isEqualTo("order-1"))
        .satisfies(record -> assertThat(header(record, "es_version")).isEqualTo("2"));
    assertThat(bench.stored())
        .extracting(event -> event.stream() + "@" + event.version())
        .containsExactly("order-1@1", "order-1@2", "order-1@3", "order-2@3");
  }

  private void publishAll() {
    Position mark = bench.store.highWaterMark();
    try (KafkaRelay relay = bench.relay().start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().state() == State.HALTED
                      || !mark.isAfter(relay.status().position()));
      assertThat(relay.status().state()).isEqualTo(State.LEADING);
    }
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("set session_replication_role = replica");
      assertThat(statement.executeUpdate(sql)).isPositive();
    }
  }

  @Test
  void a_topic_that_grows_does_not_move_streams_to_other_partitions() throws Exception {
    for (int stream = 0; stream < 20; stream++) {
      bench.append("order-" + stream, 1);
    }
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    bench.grow(bench.topic, 8);
    for (int stream = 0; stream < 20; stream++) {
      bench.append("order-" + stream, 1);
    }
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }

    ExactSequence.check(bench.stored(), bench.consumed());
    assertThat(bench.consumed()).allMatch(record -> record.partition() < Bench.PARTITIONS);
  }

  @Test
  void an_event_too_large_for_kafka_halts_it_after_everything_before_is_published() {
    bench.append("order-1", 2);
    AppendResult large =
        bench.store.append(
            StreamId.of("order", "2"),
            ExpectedVersion.any(),
            List.of(EncodedEvent.of("Large", 1, "\"" + "x".repeat(20_000) + "\"")));
    bench.append("order-3", 1);

    try (KafkaRelay relay =
        KafkaRelay.builder(
                bench.store,
                Map.of("bootstrap.servers", bench.broker.bootstrap(), "max.request.size", 10_000))
            .name("small")
            .topic(bench.topic)
            .start()) {
      assertThatThrownBy(() -> relay.awaitPublished(large, Bench.PATIENCE))
          .hasMessageContaining("position " + large.position())
          .hasMessageContaining("max.request.size");
    }
    ExactSequence.check(bench.stored().subList(0, 2), bench.consumed());
  }

  @Test
  void settings_that_its_promises_rest_on_cannot_be_changed() {
    assertThatThrownBy(
            () ->
                KafkaRelay.builder(
                    bench.store, Map.of("bootstrap.servers", "localhost:1", "acks", "1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("acks");
    assertThatThrownBy(
            () ->
                KafkaRelay.builder(
                    bench.store, Map.of("bootstrap.servers", "localhost:1", "linger.ms", "soon")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("linger.ms");
  }

  @Test
  void a_record_has_the_time_that_its_mapper_gives_it_or_that_at_which_it_is_sent()
      throws Exception {
    long before = System.currentTimeMillis();
    CloudEvents events = CloudEvents.from("/test");
    KafkaRelay.Builder builder =
        bench
            .relay()
            .mapper(
                event ->
                    List.of(
                        event.version() == 1
                            ? events.record(event).timestamp(event.recordedAt().minusSeconds(60))
                            : events.record(event)));
    bench.append("order-1", 2);
    RecordedEvent first = bench.stored().get(0);
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    List<ConsumerRecord<byte[], byte[]>> records = bench.consumed();
    assertThat(records.get(0).timestamp())
        .isEqualTo(first.recordedAt().minusSeconds(60).toEpochMilli());
    assertThat(records.get(1).timestamp()).isGreaterThanOrEqualTo(before);
    assertThat(builder.operations().verify(progress -> {}).isExact()).isTrue();

    // A verification makes the records again, and compares their times, too.
    VerificationReport report =
        builder
            .mapper(event -> List.of(events.record(event).timestamp(event.recordedAt())))
            .operations()
            .verify(progress -> {});
    assertThat(report.toString()).contains("time");
    assertThat(report.isExact()).isFalse();
    assertThatThrownBy(() -> events.record(first).timestamp(Instant.EPOCH.minusMillis(1)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
