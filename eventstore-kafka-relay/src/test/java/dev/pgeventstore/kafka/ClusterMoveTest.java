package dev.pgeventstore.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A relay that goes on in another cluster, with copies of its topics. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
class ClusterMoveTest {

  private static KafkaBroker other;
  private Bench bench;

  @BeforeAll
  static void startAnother() {
    other = KafkaBroker.start();
  }

  @AfterAll
  static void stopIt() {
    other.close();
  }

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
        new Shape(Delivery.EXACTLY_ONCE, 2),
        new Shape(Delivery.AT_LEAST_ONCE, 1));
  }

  private KafkaRelay.Builder relay(Shape shape, KafkaBroker at) {
    return Bench.relay(
        bench.store,
        bench.kafkaSettings(Map.of("bootstrap.servers", at.bootstrap())),
        bench.topic,
        shape);
  }

  private Map<String, Object> settingsThere() {
    return bench.kafkaSettings(Map.of("bootstrap.servers", other.bootstrap()));
  }

  /** What comes last is no event: nothing but the notes say that it must be there. */
  private void publish(Shape shape) throws Exception {
    for (int stream = 0; stream < 10; stream++) {
      bench.append("order-" + stream, 10);
    }
    try (KafkaRelay relay = relay(shape, bench.broker).start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      bench.store.append(
          Append.to(
                  StreamId.parse("order-1"),
                  ExpectedVersion.any(),
                  List.of(EncodedEvent.of("Happened", 1, "{}")))
              .message(
                  OutboxMessage.to("relay-of-" + bench.topic, bench.topic).key("k").json("{}")));
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      relay(shape, bench.broker).operations().drain(Bench.PATIENCE, "a move");
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.PAUSED);
    }
  }

  /** Copies records, as tools that mirror topics do, without the last ones of all partitions. */
  private void copy(List<ConsumerRecord<byte[], byte[]>> records) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", other.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (ConsumerRecord<byte[], byte[]> record : records) {
        producer.send(
            new ProducerRecord<>(
                record.topic(),
                record.partition(),
                record.timestamp(),
                record.key(),
                record.value(),
                record.headers()));
      }
      producer.flush();
    }
  }

  private void createThere(int partitions) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", other.bootstrap()))) {
      admin.createTopics(List.of(new NewTopic(bench.topic, partitions, (short) 1))).all().get();
    }
  }

  private static boolean isMessage(ConsumerRecord<byte[], byte[]> record) {
    return ExactSequence.header(record, "es_version") == null;
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void a_relay_moves_when_the_copies_are_exact_and_goes_on_there(Shape shape) throws Exception {
    publish(shape);
    RelayOperations operations = relay(shape, bench.broker).operations();
    List<ConsumerRecord<byte[], byte[]>> records = bench.consumed();
    createThere(Bench.PARTITIONS);
    List<ConsumerRecord<byte[], byte[]>> events =
        records.stream().filter(record -> !isMessage(record)).toList();

    // 30 events short; then without the message, which is the last of its partition.
    copy(events.subList(0, events.size() - 30));
    requireRefused(operations);
    copy(events.subList(events.size() - 30, events.size()));
    requireRefused(operations);
    copy(records.stream().filter(ClusterMoveTest::isMessage).toList());
    assertThat(operations.verifyCopy(settingsThere(), progress -> {}).isExact()).isTrue();

    assertThat(operations.moveTo(settingsThere(), "a test", progress -> {}).isExact()).isTrue();
    Position before = bench.store.highWaterMark();
    bench.append("order-1", 5);
    bench.append("order-11", 5);
    try (KafkaRelay relay = relay(shape, other).start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      assertThat(relay.status().eventsSent()).isEqualTo(10);
    }
    VerificationReport report = relay(shape, other).operations().verify(progress -> {});
    assertThat(report.isExact()).as(report.toString()).isTrue();
    assertThat(report.events()).isEqualTo(111);
    requireNothingMoreHere(shape, before);
  }

  private void requireRefused(RelayOperations operations) throws Exception {
    assertThat(operations.verifyCopy(settingsThere(), progress -> {}).isExact()).isFalse();
    assertThatThrownBy(() -> operations.moveTo(settingsThere(), "a test", progress -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("not exact");
  }

  /** Exactly once it is paused; at least once its notes are about other topics. */
  private void requireNothingMoreHere(Shape shape, Position before) {
    int sent = bench.consumed().size();
    try (KafkaRelay relay = relay(shape, bench.broker).start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  List.of(State.PAUSED, State.HALTED).contains(relay.status().state())
                      && relay.status().reason().isPresent());
      assertThat(before.isAfter(Position.START)).isTrue();
    }
    assertThat(bench.consumed()).hasSize(sent);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void one_that_is_not_paused_or_lacks_partitions_there_is_not_moved(Shape shape) throws Exception {
    publish(shape);
    RelayOperations operations = relay(shape, bench.broker).operations();
    createThere(Bench.PARTITIONS - 1);
    assertThatThrownBy(() -> operations.moveTo(settingsThere(), "a test", progress -> {}))
        .isInstanceOf(IllegalStateException.class);
    operations.resume();
    assertThatThrownBy(() -> operations.moveTo(settingsThere(), "a test", progress -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("not paused");
    try (KafkaRelay relay = relay(shape, bench.broker).start()) {
      bench.append("order-1", 5);
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    VerificationReport report = operations.verify(progress -> {});
    assertThat(report.isExact()).as(report.toString()).isTrue();
  }

  /** The second lane sends to a topic of its own. */
  private KafkaRelay.Builder twoTopics(Delivery delivery, KafkaBroker at) {
    CloudEvents events = CloudEvents.from("/test");
    return relay(new Shape(delivery, 2), at)
        .mapper(
            event ->
                List.of(
                    Partitions.of(event.stream(), 2) == 0
                        ? events.record(event)
                        : events.record(event).topic(second())));
  }

  private String second() {
    return "second-" + bench.topic;
  }

  /** Of a lane, and with a key of a partition of two. */
  private static String stream(int lane, int partition) {
    int number = 0;
    StreamId stream;
    do {
      stream = StreamId.of("order", Integer.toString(number++));
    } while (Partitions.of(stream, 2) != lane
        || new Partitioner(2).partition(stream.toString().getBytes(UTF_8)) != partition);
    return stream.toString();
  }

  @ParameterizedTest
  @EnumSource
  void nothing_is_changed_if_one_lane_cannot_move_and_a_move_that_failed_is_made_again(
      Delivery delivery) throws Exception {
    bench.createTopic(second(), 2);
    KafkaRelay.Builder builder = twoTopics(delivery, bench.broker);
    bench.append(stream(0, 0), 3);
    bench.append(stream(1, 0), 3);
    try (KafkaRelay relay = builder.start()) {
      builder.operations().drain(Bench.PATIENCE, "a move");
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.PAUSED);
    }
    createThere(Bench.PARTITIONS);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", other.bootstrap()))) {
      admin.createTopics(List.of(new NewTopic(second(), 1, (short) 1))).all().get();
      copy(bench.consumed());
      copy(bench.consumed(second()));
      RelayOperations operations = builder.operations();
      assertThatThrownBy(() -> operations.moveTo(settingsThere(), "a test", progress -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has 1 partitions");
      for (int lane = 0; lane < 2; lane++) {
        assertThat(operations.audit(lane).values()).containsExactly("pause: a move");
      }
      admin.createPartitions(Map.of(second(), NewPartitions.increaseTo(2))).all().get();
      execute("create table noted as select * from eventstore.lease_notes where partition = 1");
      assertThat(operations.moveTo(settingsThere(), "a test", progress -> {}).isExact()).isTrue();
      if (delivery == Delivery.AT_LEAST_ONCE) {
        // As if it had not come to the second lane.
        execute("delete from eventstore.lease_notes where partition = 1");
        execute("insert into eventstore.lease_notes select * from noted");
      }
      assertThat(operations.moveTo(settingsThere(), "again", progress -> {}).isExact()).isTrue();
    }
    bench.append(stream(0, 1), 1);
    bench.append(stream(1, 1), 1);
    try (KafkaRelay relay = twoTopics(delivery, other).start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      assertThat(relay.status().eventsSent()).isEqualTo(2);
    }
    VerificationReport report = twoTopics(delivery, other).operations().verify(progress -> {});
    assertThat(report.isExact()).as(report.toString()).isTrue();
  }

  /** Its second lane has: the notes of the first one must not be written before that is found. */
  @Test
  void nothing_is_changed_if_the_relay_has_run_in_the_other_cluster() throws Exception {
    Shape shape = new Shape(Delivery.EXACTLY_ONCE, 2);
    bench.append(stream(0, 0), 1);
    bench.append(stream(1, 0), 1);
    RelayOperations operations = relay(shape, bench.broker).operations();
    try (KafkaRelay relay = relay(shape, bench.broker).start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      bench.append(stream(1, 0), 1);
      operations.drain(Bench.PATIENCE, "a move");
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.PAUSED);
    }
    createThere(Bench.PARTITIONS);
    copy(bench.consumed());
    String positions = bench.positionTopic();
    List<ConsumerRecord<byte[], byte[]>> earlier =
        bench.consumed(positions).stream()
            .filter(note -> new String(note.key(), UTF_8).equals("lane/1/position"))
            .limit(1)
            .toList();
    TopicPartition firstLane = new TopicPartition(positions, 0);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", other.bootstrap()))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(positions, 2, (short) 1)
                      .configs(Map.of("cleanup.policy", "compact"))))
          .all()
          .get();
      copy(earlier);
      assertThatThrownBy(() -> operations.moveTo(settingsThere(), "a test", progress -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has run in the other cluster");
      assertThat(
              admin
                  .listOffsets(Map.of(firstLane, OffsetSpec.latest()))
                  .partitionResult(firstLane)
                  .get()
                  .offset())
          .isZero();
    }
    for (int lane = 0; lane < 2; lane++) {
      assertThat(operations.audit(lane).values()).containsExactly("pause: a move");
    }
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = bench.database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
