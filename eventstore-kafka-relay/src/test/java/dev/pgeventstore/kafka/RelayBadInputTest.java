package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.DebeziumOutbox;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a relay is told that makes no sense: it is refused, with what is wrong, or done right. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayBadInputTest {

  private Bench bench;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private void publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
  }

  private static String haltedReason(KafkaRelay.Builder builder) {
    try (KafkaRelay relay = builder.start()) {
      await().atMost(Bench.PATIENCE).until(() -> relay.status().state() == State.HALTED);
      return relay.status().reason().orElseThrow();
    }
  }

  private static void requireExact(KafkaRelay.Builder builder) throws Exception {
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as(report.toString()).isTrue();
  }

  private AppendResult appendWith(OutboxMessage message) {
    return bench.store.append(
        Append.to(
                StreamId.parse("order-7"),
                ExpectedVersion.any(),
                List.of(EncodedEvent.of("Happened", 1, "{}")))
            .message(message));
  }

  private OutboxMessage messageTo(String topic) {
    return OutboxMessage.to("relay-of-" + bench.topic, topic).key("k").json("{}");
  }

  @Test
  void what_was_not_drawn_yet_cannot_be_skipped() throws Exception {
    AppendResult append = bench.append("order-1", 3);
    publish(bench.relay());
    RelayOperations operations = bench.relay().operations();
    for (long beyond : new long[] {1, 100, 1_000_000}) {
      Position next = Position.of(append.position().value() + beyond);
      assertThatThrownBy(() -> operations.skip(next, "a test"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(next.toString());
    }
    assertThatThrownBy(() -> operations.skip(Position.START, "a test"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(operations.audit(0)).isEmpty();
    bench.append("order-1", 3);
    publish(bench.relay());
    bench.check();
  }

  @ParameterizedTest
  @EnumSource
  void a_message_to_a_position_topic_is_no_note(Delivery delivery) throws Exception {
    KafkaRelay.Builder builder = bench.relay().delivery(delivery);
    bench.append("order-1", 2);
    publish(builder);
    appendWith(messageTo(bench.positionTopic()).key("lane/0/series").value("x".getBytes(UTF_8)));
    Position ofMessage = Position.of(4);
    bench.append("order-1", 2);
    assertThat(haltedReason(builder))
        .contains("position " + ofMessage)
        .contains(bench.positionTopic())
        .contains("RelayOperations.skip");
    builder.operations().skip(ofMessage, "a test");
    publish(builder);
    requireExact(builder);
    assertThat(bench.stored()).hasSize(5);
    ExactSequence.check(bench.stored(), ExactSequence.restored(bench.uncommitted()));
  }

  @Test
  void neither_events_nor_dead_letters_go_to_a_position_topic() {
    assertThatThrownBy(() -> bench.relay().topic("eventstore-positions.a.b").start())
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> bench.relay().deadLetters("eventstore-positions.a.b").start())
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(
            () -> bench.relay().positionTopic("places").deadLetters("places").operations())
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> bench.relay().deadLetters(bench.topic).start())
        .isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "series",
        "skip/x",
        "sent/x",
        "sent/x/y",
        "topic/x",
        "parked/x",
        "start",
        "audit/x"
      })
  void a_note_that_cannot_be_read_halts_it_until_it_is_taken_away(String note) throws Exception {
    bench.append("order-1", 2);
    publish(bench.relay());
    note("lane/0/" + note, "nonsense");
    bench.append("order-1", 2);
    if (note.startsWith("audit")) {
      assertThatThrownBy(() -> bench.relay().operations().audit(0))
          .hasMessageContaining("'" + note + "'");
    } else if (note.equals("start")) {
      assertThatThrownBy(() -> bench.relay().operations().verify(progress -> {}))
          .hasMessageContaining("'" + note + "'");
    } else {
      assertThat(haltedReason(bench.relay()))
          .contains("'" + note + "'")
          .contains("'nonsense'")
          .contains("docs/relay-operating.md");
    }
    note("lane/0/" + note, null);
    publish(bench.relay());
    requireExact(bench.relay());
    bench.check();
  }

  private void note(String key, String value) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new StringSerializer(),
            new StringSerializer())) {
      producer.send(new ProducerRecord<>(bench.positionTopic(), 0, key, value)).get();
    }
  }

  @Test
  void at_least_once_such_a_note_is_taken_away_in_the_database() throws Exception {
    KafkaRelay.Builder builder = bench.relay().delivery(Delivery.AT_LEAST_ONCE);
    bench.append("order-1", 2);
    publish(builder);
    change(
        "insert into eventstore.lease_notes (name, partition, key, value) values (?, 0, 'skip/x', 'y')");
    bench.append("order-1", 2);
    assertThat(haltedReason(builder)).contains("'skip/x'").contains("docs/relay-operating.md");
    change(
        "delete from eventstore.lease_notes where name = ? and partition = 0 and key = 'skip/x'");
    publish(builder);
    requireExact(builder);
  }

  private void change(String sql) throws Exception {
    try (Connection connection = bench.database.open();
        PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, bench.leaseName());
      statement.executeUpdate();
    }
  }

  @Test
  void a_transaction_time_out_that_no_transaction_could_keep_is_refused() {
    for (String timeout : List.of("0", "-1", "1", "999")) {
      assertThatThrownBy(() -> bench.relay(Map.of("transaction.timeout.ms", timeout)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("transaction.timeout.ms")
          .hasMessageContaining(timeout);
    }
    assertThatThrownBy(() -> bench.relay(Map.of("producer.transaction.timeout.ms", "soon")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("soon");
  }

  @Test
  void a_transaction_time_out_above_the_brokers_halts_it() {
    bench.append("order-1", 2);
    assertThat(haltedReason(bench.relay(Map.of("transaction.timeout.ms", "1000000"))))
        .contains("transaction.timeout.ms")
        .contains("transaction.max.timeout.ms");
  }

  @Test
  void a_tombstone_has_the_key_and_the_topic_that_the_mapper_gives_its_stream() throws Exception {
    String prefix = "outbox-" + bench.topic + "-";
    bench.createTopic(prefix + "order", 1);
    KafkaRelay.Builder builder =
        bench.relay().mapper(DebeziumOutbox.create().topics(category -> prefix + category));
    bench.append("order-1", 2);
    publish(builder);
    builder.operations().publishTombstone(StreamId.parse("order-1"));
    List<ConsumerRecord<byte[], byte[]>> records = bench.consumed(prefix + "order");
    assertThat(records)
        .hasSize(3)
        .allSatisfy(record -> assertThat(record.key()).isEqualTo("1".getBytes(UTF_8)));
    assertThat(records.get(2).value()).isNull();
    assertThat(bench.consumed()).isEmpty();
    requireExact(builder);
  }

  @Test
  void a_tombstone_without_a_topic_is_refused() throws Exception {
    CloudEvents events = CloudEvents.from("/test");
    KafkaRelay.Builder builder =
        KafkaRelay.builder(bench.store, bench.kafkaSettings(Map.of()))
            .name("relay-of-" + bench.topic)
            .mapper(event -> List.of(events.record(event).topic(bench.topic)));
    bench.append("order-1", 2);
    publish(builder);
    assertThatThrownBy(() -> builder.operations().publishTombstone(StreamId.parse("order-1")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("order-1")
        .hasMessageContaining("topic");
    requireExact(builder);
  }

  /** A part of a CloudEvent's headers makes clients look for the rest. */
  @Test
  void a_message_has_all_headers_of_a_cloud_event_or_none() throws Exception {
    OutboxMessage plain = messageTo(bench.topic);
    OutboxMessage cloudEvent =
        messageTo(bench.topic)
            .header("ce_specversion", "1.0")
            .header("ce_source", "/test")
            .header("ce_type", "Told");
    OutboxMessage own = cloudEvent.header("ce_id", "mine");
    appendWith(plain);
    appendWith(cloudEvent);
    appendWith(own);
    publish(bench.relay());
    List<ConsumerRecord<byte[], byte[]>> messages =
        bench.consumed().stream().filter(record -> header(record, "es_version") == null).toList();
    assertThat(messages)
        .extracting(record -> header(record, "es_message_id"))
        .containsExactly(plain.id().toString(), cloudEvent.id().toString(), own.id().toString());
    assertThat(messages)
        .extracting(record -> Optional.ofNullable(header(record, "ce_id")))
        .containsExactly(
            Optional.empty(), Optional.of(cloudEvent.id().toString()), Optional.of("mine"));
    requireExact(bench.relay());
  }

  private KafkaRelay.Builder failing(String letters) {
    return bench
        .relay()
        .mapper(
            event -> {
              throw new IllegalStateException("cannot map this");
            })
        .onPoison(PoisonPolicy.deadLetter())
        .deadLetters(letters);
  }

  @Test
  void a_dead_letter_is_a_whole_cloud_event() throws Exception {
    String letters = "letters-" + bench.topic;
    bench.createTopic(letters, 1);
    bench.append("order-1", 1);
    publish(failing(letters));
    assertThat(bench.consumed(letters))
        .singleElement()
        .satisfies(
            letter -> {
              for (String name : List.of("ce_id", "ce_source", "ce_type", "ce_time")) {
                assertThat(header(letter, name)).as(name).isNotBlank();
              }
              assertThat(header(letter, "ce_specversion")).isEqualTo("1.0");
              assertThat(header(letter, "content-type")).isEqualTo("application/json");
            });
  }

  @Test
  void a_dead_letter_that_is_too_large_is_sent_without_its_value() throws Exception {
    String letters = "letters-" + bench.topic;
    bench.createTopic(letters, 1);
    bench.configure(letters, "max.message.bytes", "2000");
    bench.appendIncompressible(bench.store, "order-1", 5_000);
    publish(failing(letters));
    assertThat(bench.consumed(letters))
        .singleElement()
        .satisfies(
            letter -> {
              assertThat(letter.value()).isNull();
              assertThat(Integer.parseInt(header(letter, "dead_letter_omitted_bytes")))
                  .isGreaterThan(5_000);
            });
    requireExact(failing(letters));
  }

  static Stream<RecordMapper> mappersOfNonsense() {
    CloudEvents events = CloudEvents.from("/test");
    return Stream.of(
        event -> Arrays.asList((RelayRecord) null),
        event -> List.of(events.record(event).timestamp(Instant.MAX)),
        event -> List.of(events.record(event).topic("..")));
  }

  /** The policy decides, as about whatever a mapper throws. */
  @ParameterizedTest
  @MethodSource("mappersOfNonsense")
  void what_makes_no_sense_in_a_record_is_decided_by_the_policy(RecordMapper mapper)
      throws Exception {
    CloudEvents events = CloudEvents.from("/test");
    bench.append("order-1", 2);
    try (KafkaRelay relay =
        bench
            .relay()
            .mapper(event -> event.version() == 1 ? mapper.map(event) : events.map(event))
            .onPoison(PoisonPolicy.decide(poison -> PoisonPolicy.Decision.SKIP))
            .start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
    assertThat(bench.consumed()).hasSize(1);
  }

  @Test
  void a_topic_that_no_topic_can_be_is_refused() {
    assertThatThrownBy(() -> bench.relay().topic(".")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bench.relay().deadLetters(".."))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
