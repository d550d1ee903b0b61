package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.Watermarks;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What operators do, one thing after the other: after each, readers have everything once. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
@Tag("faults")
class RelayProceduresTest {

  private static final CloudEvents EVENTS = CloudEvents.from("/test");
  private static final Pattern NEW_SERIES =
      Pattern.compile("newSeries\\((?:(\\d+), )?Position.of\\((\\d+)\\)");

  private Bench bench;
  private String topic;
  private final Set<String> sick = ConcurrentHashMap.newKeySet();

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
    topic = bench.topic;
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private void one() {
    topic = "one-" + bench.topic;
    bench.createTopic(topic, 1);
  }

  private final class Mapper implements RecordMapper {
    @Override
    public List<RelayRecord> map(RecordedEvent event) {
      if (sick.contains(event.stream() + "@" + event.version())) {
        throw new IllegalStateException("cannot map this");
      }
      return EVENTS.map(event);
    }
  }

  private KafkaRelay.Builder relay(Delivery delivery) {
    return bench.relay().topic(topic).delivery(delivery).mapper(new Mapper());
  }

  private void publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
  }

  private static void verify(KafkaRelay.Builder builder) throws Exception {
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
  }

  /** What a reader with marks takes for new. */
  private List<String> seen() {
    RecordDecoder decoder = RecordDecoder.of(JacksonCodec.of(EventTypes.none()));
    Watermarks marks = Watermarks.exact();
    List<String> seen = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : bench.consumed(topic)) {
      decoder
          .decode(record)
          .filter(marks::isNew)
          .ifPresent(
              relayed ->
                  seen.add(
                      new String(record.key(), UTF_8)
                          + "@"
                          + (record.value() == null ? "none" : header(record, "es_version"))));
    }
    return seen;
  }

  private List<String> stored() {
    return bench.stored().stream().map(event -> event.stream() + "@" + event.version()).toList();
  }

  @ParameterizedTest
  @EnumSource
  void what_is_sent_late_after_a_rewind_stands_behind_what_was_sent_late_before(Delivery delivery)
      throws Exception {
    one();
    sick.add("sick-1@1");
    sick.add("sick-2@1");
    bench.append("order-1", 2);
    bench.append("sick-1", 1);
    bench.append("sick-2", 1);
    bench.append("order-1", 2);
    KafkaRelay.Builder parking = relay(delivery).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    sick.clear();
    parking.operations().retryParked(StreamId.parse("sick-1"));
    parking.operations().rewindTo(Position.of(4), "a test");
    publish(parking);
    parking.operations().retryParked(StreamId.parse("sick-2"));
    bench.append("order-1", 1);
    publish(parking);
    assertThat(seen()).containsExactlyInAnyOrderElementsOf(stored());
    verify(parking);
  }

  @ParameterizedTest
  @EnumSource
  void so_does_a_tombstone(Delivery delivery) throws Exception {
    one();
    bench.append("order-1", 2);
    bench.append("order-2", 2);
    publish(relay(delivery));
    relay(delivery).operations().publishTombstone(StreamId.parse("order-1"));
    relay(delivery).operations().rewindTo(Position.of(2), "a test");
    publish(relay(delivery));
    relay(delivery).operations().publishTombstone(StreamId.parse("order-2"));
    assertThat(seen()).contains("order-1@none", "order-2@none");
    verify(relay(delivery));
  }

  @ParameterizedTest
  @EnumSource
  void what_was_given_up_stays_so_when_the_relay_is_rewound(Delivery delivery) throws Exception {
    one();
    sick.add("sick-1@1");
    bench.append("sick-1", 2);
    bench.append("order-1", 2);
    KafkaRelay.Builder parking = relay(delivery).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    parking.operations().discardParked(StreamId.parse("sick-1"), "a test");
    bench.append("sick-1", 1);
    publish(parking);
    assertThat(seen()).containsExactlyInAnyOrder("order-1@1", "order-1@2", "sick-1@3");
    verify(parking);
    parking.operations().rewindTo(Position.START, "a test");
    publish(parking);
    bench.append("sick-1", 1);
    publish(parking);
    assertThat(parking.operations().parked()).isEmpty();
    verify(parking);
    assertThat(bench.consumed(topic))
        .extracting(record -> new String(record.key(), UTF_8) + "@" + header(record, "es_version"))
        .doesNotContain("sick-1@1", "sick-1@2");
    assertThat(seen()).containsExactlyInAnyOrder("order-1@1", "order-1@2", "sick-1@3", "sick-1@4");
  }

  @ParameterizedTest
  @EnumSource
  void a_new_series_forgets_what_was_given_up_of_later_positions(Delivery delivery)
      throws Exception {
    one();
    bench.append("sick-1", 1);
    sick.add("sick-1@2");
    bench.append("sick-1", 3);
    KafkaRelay.Builder parking = relay(delivery).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    parking.operations().discardParked(StreamId.parse("sick-1"), "a test");
    sick.clear();
    parking.operations().newSeries(Position.of(2), "a test");
    publish(parking);
    verify(parking);
    assertThat(seen()).containsExactly("sick-1@1", "sick-1@3", "sick-1@4");
  }

  @ParameterizedTest
  @EnumSource
  void nothing_is_published_by_an_operator_while_the_relay_is_paused(Delivery delivery)
      throws Exception {
    sick.add("sick-1@1");
    bench.append("sick-1", 2);
    bench.append("order-1", 2);
    KafkaRelay.Builder parking = relay(delivery).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    parking.operations().pause("maintenance");
    sick.clear();
    bench.append("order-1", 2);
    int before = bench.consumed(topic).size();
    assertThatThrownBy(() -> parking.operations().publishTombstone(StreamId.parse("order-1")))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> parking.operations().retryParked(StreamId.parse("sick-1")))
        .isInstanceOf(IllegalStateException.class);
    assertThat(bench.consumed(topic)).hasSize(before);
    assertThat(parking.operations().parked()).hasSize(1);
  }

  @ParameterizedTest
  @EnumSource
  void a_relay_is_not_rewound_to_before_its_series_or_its_start(Delivery delivery)
      throws Exception {
    bench.append("order-1", 3);
    bench.append("order-2", 3);
    KafkaRelay.Builder builder = relay(delivery).startAfter(Position.of(1));
    publish(builder);
    assertThatThrownBy(() -> builder.operations().rewindTo(Position.START, "a test"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("began after position 1")
        .hasMessageContaining("newSeries");
    builder.operations().redeclare("a test");
    publish(builder);
    bench.append("order-1", 1);
    publish(builder);
    assertThatThrownBy(() -> builder.operations().rewindTo(Position.of(5), "a test"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("began after position 6");
    builder.operations().rewindTo(Position.of(6), "a test");
    publish(builder);
    verify(builder);
    assertThat(seen()).containsExactlyInAnyOrderElementsOf(stored().subList(1, 7));
  }

  @ParameterizedTest
  @EnumSource
  void lanes_whose_series_began_later_are_rewound_to_where_that_was(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder builder = relay(delivery).lanes(2);
    String first = streamOf(0);
    String second = streamOf(1);
    bench.append(first, 3);
    bench.append(second, 3);
    publish(builder);
    builder.operations().newSeries(1, Position.of(5), "a test");
    bench.append(first, 2);
    bench.append(second, 2);
    publish(builder);
    List<String> before = seen();
    builder.operations().rewindTo(Position.of(2), "a test");
    publish(builder);
    verify(builder);
    assertThat(seen()).hasSameElementsAs(stored()).containsExactlyInAnyOrderElementsOf(before);
    assertThat(bench.consumed(topic))
        .filteredOn(record -> header(record, "es_relay").endsWith("~2"))
        .extracting(record -> header(record, "es_position"))
        .isNotEmpty()
        .doesNotContain("4", "5");
  }

  private static String streamOf(int lane) {
    int number = 0;
    while (Partitions.of(StreamId.of("order", Integer.toString(number)), 2) != lane) {
      number++;
    }
    return "order-" + number;
  }

  @ParameterizedTest
  @EnumSource
  void all_partitions_are_used_when_a_topic_has_grown_and_nothing_is_repeated(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder builder = relay(delivery).lanes(2);
    for (int stream = 0; stream < 20; stream++) {
      bench.append("order-" + stream, 2);
    }
    publish(builder);
    bench.append(streamOf(0), 3);
    publish(builder);
    bench.grow(topic, 9);
    builder.operations().redeclare("all partitions");
    for (int stream = 0; stream < 20; stream++) {
      bench.append("order-" + stream, 1);
    }
    publish(builder);
    assertThat(seen()).containsExactlyInAnyOrderElementsOf(stored());
    assertThat(bench.consumed(topic)).anyMatch(record -> record.partition() > 4);
    verify(builder);
  }

  /** The database as it was; whatever knows it is opened anew. */
  private KafkaRelay.Builder restored(OlderState state, Shape shape) throws SQLException {
    bench.close();
    state.putBack();
    bench = new Bench(bench.database, bench.broker);
    return Bench.relay(bench.store, bench.kafkaSettings(Map.of()), topic, shape)
        .mapper(new Mapper());
  }

  /** What each lane says that has halted. */
  private static List<String> halted(KafkaRelay.Builder builder, int lanes) {
    try (KafkaRelay relay = builder.start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().lanes().stream()
                          .filter(lane -> lane.state() == State.HALTED)
                          .count()
                      == lanes);
      return relay.status().lanes().stream().flatMap(lane -> lane.reason().stream()).toList();
    }
  }

  private static void goOnAsItSays(KafkaRelay.Builder builder, String reason) throws Exception {
    Matcher series = NEW_SERIES.matcher(reason);
    assertThat(series.find()).as(reason).isTrue();
    Position after = Position.of(Long.parseLong(series.group(2)));
    if (series.group(1) == null) {
      builder.operations().newSeries(after, "as it says");
    } else {
      builder.operations().newSeries(Integer.parseInt(series.group(1)), after, "as it says");
    }
  }

  /** The database lost a token only, and the one before was drawn for a page that was not sent. */
  @ParameterizedTest
  @EnumSource
  void what_was_read_and_not_published_is_published_after_a_lost_history(Delivery delivery)
      throws Exception {
    bench.append("order-1", 10);
    sick.addAll(List.of("order-1@3", "order-1@5"));
    assertThat(halted(relay(delivery), 1).get(0)).contains("position 3");
    OlderState state = OlderState.of(bench.database);
    sick.remove("order-1@3");
    assertThat(halted(relay(delivery), 1).get(0)).contains("position 5");
    sick.clear();

    KafkaRelay.Builder builder = restored(state, new Shape(delivery, 1));
    goOnAsItSays(builder, halted(builder, 1).get(0));
    publish(builder);
    verify(builder);
    assertThat(seen()).containsExactlyElementsOf(stored());
  }

  /** One lane has lost what ties it to the database, the other one has not come that far. */
  @ParameterizedTest
  @EnumSource
  void after_a_lost_history_each_lane_goes_on_behind_its_own_position(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder builder = relay(delivery).lanes(2);
    String first = streamOf(0);
    String second = streamOf(1);
    bench.append(first, 2);
    bench.append(second, 2);
    publish(builder);
    sick.add(second + "@3");
    bench.append(first, 2);
    bench.append(second, 3);
    bench.append(first, 1);
    OlderState state = OlderState.of(bench.database);
    try (KafkaRelay relay = builder.start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().lanes().get(0).position().equals(Position.of(10))
                      && relay.status().lanes().get(1).state() == State.HALTED);
    }
    sick.clear();

    KafkaRelay.Builder restored = restored(state, new Shape(delivery, 2));
    String reason =
        halted(restored, 1).stream()
            .filter(text -> text.contains("newSeries"))
            .findFirst()
            .orElseThrow();
    assertThat(reason).contains("newSeries(0, Position.of(10)");
    goOnAsItSays(restored, reason);
    bench.append(second, 1);
    publish(restored);
    verify(restored);
    assertThat(seen()).containsExactlyInAnyOrderElementsOf(stored());
  }

  @ParameterizedTest
  @EnumSource
  void one_that_was_rewound_is_not_declared_anew_before_it_has_caught_up(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder builder = relay(delivery);
    bench.append("order-1", 3);
    publish(builder);
    builder.operations().rewindTo(Position.of(1), "a test");
    assertThatThrownBy(() -> builder.operations().redeclare("a test"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("rewound to 1")
        .hasMessageContaining("start it as it was declared before");
    publish(builder);
    builder.operations().redeclare("a test");
    bench.append("order-1", 1);
    publish(builder);
    verify(builder);
    assertThat(seen()).containsExactlyElementsOf(stored());
  }

  @Test
  void one_lane_that_is_behind_its_records_keeps_all_from_being_declared_anew() throws Exception {
    Delivery delivery = Delivery.AT_LEAST_ONCE;
    KafkaRelay.Builder builder = relay(delivery).lanes(2);
    bench.append(streamOf(0), 2);
    bench.append(streamOf(1), 2);
    publish(builder);
    // As after a crash: what the second lane sent last is not noted.
    execute("create table noted as select * from eventstore.lease_notes where partition = 1");
    bench.append(streamOf(0), 2);
    bench.append(streamOf(1), 2);
    publish(builder);
    execute("delete from eventstore.lease_notes where partition = 1 and key <> 'tokens'");
    execute("insert into eventstore.lease_notes select * from noted where key <> 'tokens'");

    KafkaRelay.Builder changed = relay(delivery).lanes(2).mapper(CloudEvents.from("/other"));
    assertThatThrownBy(() -> changed.operations().redeclare("a test"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("start it as it was declared before");
    publish(builder);
    changed.operations().redeclare("a test");
    bench.append(streamOf(0), 1);
    bench.append(streamOf(1), 1);
    publish(changed);
    verify(changed);
    assertThat(seen()).containsExactlyInAnyOrderElementsOf(stored());
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
