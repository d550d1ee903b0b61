package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Notes that are lost, and made anew from the topics. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayRecoveryTest {

  private final CloudEvents cloudEvents = CloudEvents.from("/test");
  private final Set<String> sick = new HashSet<>();
  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  static List<Shape> shapes() {
    return List.of(
        new Shape(Delivery.EXACTLY_ONCE, 1),
        new Shape(Delivery.EXACTLY_ONCE, 3),
        new Shape(Delivery.AT_LEAST_ONCE, 1),
        new Shape(Delivery.AT_LEAST_ONCE, 3));
  }

  private KafkaRelay.Builder relay(Shape shape) {
    return relay(shape, cloudEvents);
  }

  /** Fails at events of which stream and version are sick. */
  private KafkaRelay.Builder relay(Shape shape, RecordMapper mapper) {
    return bench
        .relay()
        .delivery(shape.delivery())
        .lanes(shape.lanes())
        .mapper(
            event -> {
              synchronized (sick) {
                if (sick.contains(event.stream() + "@" + event.version())) {
                  throw new IllegalStateException("made to fail");
                }
              }
              return mapper.map(event);
            });
  }

  private void sick(String... events) {
    synchronized (sick) {
      sick.clear();
      sick.addAll(List.of(events));
    }
  }

  private void publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      // Of all lanes.
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
  }

  private void lose(Shape shape) throws Exception {
    if (shape.delivery() == Delivery.EXACTLY_ONCE) {
      TopicCopy.delete(bench, bench.positionTopic());
    } else {
      execute("delete from eventstore.lease_notes where key = 'position'");
    }
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate(sql)).isPositive();
    }
  }

  private static RecoveryReport recover(KafkaRelay.Builder builder) throws Exception {
    RecoveryReport report = builder.operations().recover("a test", Set.of(), progress -> {});
    assertThat(report.verification().isExact()).as("%s", report).isTrue();
    return report;
  }

  private void requireExact(KafkaRelay.Builder builder) throws Exception {
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
  }

  private static String name(ConsumerRecord<byte[], byte[]> record) {
    return new String(record.key(), UTF_8) + "@" + header(record, "es_version");
  }

  /** All that a reader has who drops what it had before, as consumers with marks do. */
  private List<String> restored() {
    return ExactSequence.restored(bench.consumed()).stream().map(RelayRecoveryTest::name).toList();
  }

  private void append(String... streams) {
    for (String stream : streams) {
      bench.append(stream, 1);
    }
  }

  /** Each stream has those versions, in order, and no other stream has any. */
  private void requirePublished(Map<String, List<Integer>> versions) {
    Map<String, List<Integer>> found = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : ExactSequence.restored(bench.consumed())) {
      found
          .computeIfAbsent(new String(record.key(), UTF_8), key -> new java.util.ArrayList<>())
          .add(Integer.parseInt(header(record, "es_version")));
    }
    assertThat(found).isEqualTo(versions);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void where_each_lane_stood_what_waits_and_what_was_left_out_is_found(Shape shape)
      throws Exception {
    KafkaRelay.Builder builder =
        relay(shape).onPoison(PoisonPolicy.decide(RelayRecoveryTest::decide));
    sick("order-1@2", "order-2@2", "order-3@2");
    for (int i = 1; i <= 4; i++) {
      append("order-1", "order-2", "order-3", "order-4", "order-5");
    }
    append("order-6");
    publish(builder);
    builder.operations().discardParked(StreamId.parse("order-2"), "not needed");
    append("order-1", "order-2", "order-3", "order-6");
    publish(builder);
    // Now in turn: order-1 waits since 2, order-2 has lost 2 to 4, and order-3 has lost 2.
    Map<String, List<Integer>> before =
        Map.of(
            "order-1", List.of(1),
            "order-2", List.of(1, 5),
            "order-3", List.of(1, 3, 4, 5),
            "order-4", List.of(1, 2, 3, 4),
            "order-5", List.of(1, 2, 3, 4),
            "order-6", List.of(1, 2));
    requirePublished(before);
    requireExact(builder);
    List<ParkedStream> parked = builder.operations().parked();
    lose(shape);

    RecoveryReport report = recover(builder);

    assertThat(report.lanes()).hasSize(shape.lanes());
    assertThat(builder.operations().parked())
        .extracting(ParkedStream::stream, ParkedStream::since)
        .containsExactlyElementsOf(
            parked.stream()
                .map(one -> org.assertj.core.groups.Tuple.tuple(one.stream(), one.since()))
                .toList());
    requireExact(builder);
    append("order-1", "order-2", "order-7");
    publish(builder);
    requireExact(builder);
    assertThat(restored()).doesNotContain("order-1@2", "order-2@2", "order-3@2");

    sick();
    builder.operations().retryParked(StreamId.parse("order-1"));
    append("order-1");
    publish(builder);
    Map<String, List<Integer>> after = new HashMap<>(before);
    after.put("order-1", List.of(1, 2, 3, 4, 5, 6, 7));
    after.put("order-2", List.of(1, 5, 6));
    after.put("order-7", List.of(1));
    requirePublished(after);
    requireExact(builder);
    if (shape.delivery() == Delivery.EXACTLY_ONCE) {
      assertThat(report.lanes().stream().flatMap(lane -> lane.leftOut().stream())).hasSize(4);
      assertThat(bench.consumed()).hasSize(after.values().stream().mapToInt(List::size).sum());
    }
  }

  private static Decision decide(PoisonPolicy.Poison poison) {
    return poison.stream().orElse("").equals("order-3") ? Decision.SKIP : Decision.PARK_STREAM;
  }
}
