package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Both deliveries, in one lane and in several. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class DeliveryTest {

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private KafkaRelay.Builder atLeastOnce() {
    return bench.relay().delivery(Delivery.AT_LEAST_ONCE);
  }

  @Test
  void at_least_once_publishes_everything_in_order_and_nothing_twice_without_a_crash()
      throws Exception {
    bench.appendBacklog(20_000, 200);
    try (KafkaRelay relay = atLeastOnce().start()) {
      relay.awaitPublished(bench.append("order-1", 4), Bench.PATIENCE);
      assertThat(relay.status().state()).isEqualTo(State.LEADING);
    }
    try (KafkaRelay relay = atLeastOnce().start()) {
      relay.awaitPublished(bench.append("order-2", 1), Bench.PATIENCE);
      assertThat(relay.status().eventsSent()).isEqualTo(1);
    }

    ExactSequence.check(bench.stored(), bench.consumed());
    try (Admin admin = bench.admin()) {
      assertThat(admin.listTopics().names().get()).doesNotContain(bench.positionTopic());
    }
  }

  static Stream<RecordMapper> mappers() {
    CloudEvents cloudEvents = CloudEvents.from("/a-test");
    return Stream.of(
        cloudEvents,
        // No more than a function, of whose records nothing is known.
        event -> List.of(cloudEvents.record(event)),
        event -> List.of(RelayRecord.of(null, new byte[] {1})));
  }

  @ParameterizedTest
  @MethodSource("mappers")
  void at_least_once_takes_its_position_from_the_database_and_halts_when_that_went_back(
      RecordMapper mapper) throws Exception {
    Position before;
    try (KafkaRelay relay = atLeastOnce().mapper(mapper).start()) {
      AppendResult first = bench.append("order-1", 2);
      relay.awaitPublished(first, Bench.PATIENCE);
      before = first.position();
    }
    Map<String, String> notes =
        bench.store.unwrap(EventFeed.class).orElseThrow().notes("relay/relay-of-" + bench.topic, 0);
    assertThat(notes.get("position")).contains("position=" + before);
    try (KafkaRelay relay = atLeastOnce().mapper(mapper).start()) {
      relay.awaitPublished(bench.append("order-1", 2), Bench.PATIENCE);
    }
    // As after an older state was restored, and something else was appended since.
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("set session_replication_role = replica");
      statement.execute("update eventstore.events set id = gen_random_uuid() where version > 2");
      statement.execute("delete from eventstore.lease_notes where key = 'position'");
      statement.execute(
          "insert into eventstore.lease_notes (name, partition, key, value) select distinct name, partition, 'position', '"
              + notes.get("position")
              + "' from eventstore.lease_notes");
    }

    try (KafkaRelay relay = atLeastOnce().mapper(mapper).start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      assertThat(relay.status().reason().orElseThrow())
          .contains("2 of the last records are of events that the store does not have")
          .contains("newSeries(Position.of(" + before + ")");
      assertThat(relay.status().isHealthy()).isFalse();
    }
    assertThat(bench.consumed()).hasSize(4);

    atLeastOnce().mapper(mapper).operations().newSeries(before, "a test");
    try (KafkaRelay relay = atLeastOnce().mapper(mapper).start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }
    assertThat(bench.consumed())
        .filteredOn(record -> header(record, "es_relay").endsWith("~2"))
        .extracting(record -> header(record, "es_version"))
        .containsExactly("3", "4", "5");
  }

  @Test
  void at_least_once_goes_on_although_a_mapper_gives_its_records_ids_of_their_own()
      throws Exception {
    for (int run = 0; run < 2; run++) {
      try (KafkaRelay relay =
          atLeastOnce()
              .mapper(
                  event ->
                      List.of(
                          RelayRecord.of(event.stream().toString().getBytes(UTF_8), new byte[] {1})
                              .header("ce_id", UUID.randomUUID().toString())))
              .start()) {
        relay.awaitPublished(bench.append("order-1", 2), Bench.PATIENCE);
      }
    }
    atLeastOnce().operations().redeclare("another mapper");
    try (KafkaRelay relay = atLeastOnce().start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
    }

    assertThat(bench.consumed())
        .extracting(record -> header(record, "es_version"))
        .containsExactly("1", "2", "3", "4", "5");
  }

  @Test
  void several_lanes_keep_the_order_of_each_stream_and_go_on_where_they_were() throws Exception {
    for (Delivery delivery : Delivery.values()) {
      String topic = bench.topic + delivery;
      bench.createTopic(topic, 3);
      for (int run = 0; run < 2; run++) {
        try (KafkaRelay relay =
            Bench.relay(bench.store, bench.kafkaSettings(Map.of()), topic, new Shape(delivery, 3))
                .start()) {
          for (int stream = 0; stream < 30; stream++) {
            bench.append("order-" + stream, 2);
          }
          relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
          assertThat(relay.status().lanes()).hasSize(3);
          assertThat(relay.status().state()).isEqualTo(State.LEADING);
        }
      }
      checkLanes(bench.stored(), bench.consumed(topic));
    }
  }

  private static void checkLanes(
      List<RecordedEvent> stored, List<ConsumerRecord<byte[], byte[]>> consumed) {
    for (int lane = 0; lane < 3; lane++) {
      int number = lane;
      List<RecordedEvent> events =
          stored.stream().filter(event -> Partitions.of(event.stream(), 3) == number).toList();
      assertThat(events).isNotEmpty();
      ExactSequence.check(
          events,
          consumed.stream()
              .filter(record -> header(record, "es_lane").equals(Integer.toString(number)))
              .toList());
    }
    assertThat(consumed).hasSize(stored.size());
  }

  @ParameterizedTest
  @EnumSource
  void the_number_of_lanes_cannot_be_changed(Delivery delivery) throws Exception {
    try (KafkaRelay relay = bench.relay().delivery(delivery).lanes(2).start()) {
      for (int stream = 0; stream < 30; stream++) {
        bench.append("order-" + stream, 1);
      }
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    // Where a new relay would start: at the first event.
    try (KafkaRelay relay =
        bench.relay().delivery(delivery).lanes(3).startAfter(Position.START).start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(() -> relay.status().lanes().stream().allMatch(l -> l.state() == State.HALTED));
      assertThat(relay.status().reason().orElseThrow()).contains("lanes [2]", "[3]");
    }
    assertThat(bench.consumed()).hasSize(30);
  }

  @Test
  void so_many_lanes_there_cannot_be() {
    for (int lanes : List.of(0, 101)) {
      assertThatThrownBy(() -> bench.relay().lanes(lanes))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void a_large_backlog_goes_in_few_transactions_and_a_single_event_at_once() throws Exception {
    bench.appendBacklog(30_000, 200);
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      RelayStatus backlog = relay.status();
      assertThat(backlog.eventsSent()).isEqualTo(30_001);
      assertThat(backlog.transactions()).isLessThan(30);
      relay.awaitPublished(bench.append("order-1", 1), Bench.PATIENCE);
      assertThat(relay.status().lastTransactionRecords()).isEqualTo(1);
      assertThat(relay.status().lag()).isZero();
      assertThat(relay.status().behindFor()).isZero();
    }
    ExactSequence.check(bench.stored(), bench.consumed());
  }

  @Test
  void records_of_one_event_follow_one_another_and_routed_ones_have_chains_of_their_own()
      throws Exception {
    String audit = "audit-" + bench.topic;
    bench.createTopic(audit, 2);
    try (KafkaRelay relay =
        bench
            .relay()
            .mapper(
                event ->
                    event.version() % 3 == 0
                        ? List.of()
                        : List.of(
                            RelayRecord.of(
                                    event.stream().toString().getBytes(UTF_8), new byte[] {1})
                                .header("n", "first"),
                            RelayRecord.of(event.stream().toString().getBytes(UTF_8), null)
                                .header("n", "second"),
                            RelayRecord.of(null, new byte[] {2}).topic(audit)))
            .start()) {
      relay.awaitPublished(bench.append("order-1", 6), Bench.PATIENCE);
      assertThat(relay.status().recordsSent()).isEqualTo(12);
    }

    assertThat(bench.consumed())
        .extracting(
            record ->
                header(record, "es_prev")
                    + " "
                    + header(record, "es_position")
                    + ":"
                    + header(record, "es_index"))
        .containsExactly(
            "0:0 1:0", "1:0 1:1", "1:1 2:0", "2:0 2:1", "2:1 4:0", "4:0 4:1", "4:1 5:0", "5:0 5:1");
    assertThat(bench.consumed(audit))
        .extracting(record -> header(record, "es_prev") + " " + header(record, "es_position"))
        .containsExactly("0:0 1", "1:2 2", "2:2 4", "4:2 5");
    assertThat(bench.consumed(audit)).allMatch(record -> record.key() == null);
    assertThat(bench.consumed(audit))
        .extracting(ConsumerRecord::partition)
        .containsOnly(bench.consumed(audit).get(0).partition());
  }

  @Test
  void a_relay_with_a_position_of_its_own_fills_a_new_topic_from_the_first_event()
      throws Exception {
    try (KafkaRelay relay = bench.relay().start()) {
      relay.awaitPublished(bench.append("order-1", 5), Bench.PATIENCE);
    }
    String late = "late-" + bench.topic;
    bench.createTopic(late, 1);
    try (KafkaRelay relay =
        Bench.relay(bench.store, bench.kafkaSettings(Map.of()), late, Shape.USUAL).start()) {
      relay.awaitPublished(bench.append("order-2", 1), Bench.PATIENCE);
    }
    ExactSequence.check(bench.stored(), bench.consumed(late));
  }
}
