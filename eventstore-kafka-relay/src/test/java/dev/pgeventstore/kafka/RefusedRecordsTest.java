package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Instant;
import java.util.List;
import org.apache.kafka.common.InvalidRecordException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Records that Kafka refuses when they come to it: nothing tells before. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RefusedRecordsTest {

  private static final StreamId SICK = StreamId.parse("order-13");

  private Bench bench;
  private volatile boolean sick = true;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new Bench(database, broker);
    bench.configure(bench.topic, "cleanup.policy", "compact");
    bench.append("order-1", 2);
    bench.append("order-13", 3);
    bench.append("order-2", 2);
    bench.append("order-13", 1);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** Leaves the key out for the second event of one stream, which a compacted topic refuses. */
  private RecordMapper mapper() {
    CloudEvents events = CloudEvents.from("/test");
    return event ->
        sick && event.stream().equals(SICK) && event.version() == 2
            ? List.of(events.record(event).key((byte[]) null))
            : events.map(event);
  }

  private KafkaRelay.Builder relay(Delivery delivery) {
    return bench.relay().delivery(delivery).mapper(mapper());
  }

  private RelayStatus publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      return relay.status();
    }
  }

  /** At least once some may be there twice. */
  private List<String> published() {
    return bench.consumed().stream()
        .map(
            record ->
                (record.key() == null ? "none" : new String(record.key(), UTF_8))
                    + "@"
                    + header(record, "es_version"))
        .distinct()
        .toList();
  }

  private static void requireExact(KafkaRelay.Builder builder) throws Exception {
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as(report.toString()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void by_default_it_halts_behind_everything_before_and_goes_on_when_it_is_skipped(
      Delivery delivery) throws Exception {
    try (KafkaRelay relay = relay(delivery).start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("stream order-13 at position 4")
          .hasMessageContaining("key")
          .hasMessageContaining("RelayOperations.skip");
      assertThat(relay.status().position()).isEqualTo(Position.of(3));
      assertThat(relay.status().reason().orElseThrow()).contains("position 4", "skip");
    }
    assertThat(published())
        .contains("order-1@1", "order-1@2", "order-13@1")
        .doesNotContain("order-13@3", "order-13@4");
    if (delivery == Delivery.EXACTLY_ONCE) {
      assertThat(published()).hasSize(3);
    }
    requireExact(relay(delivery));

    relay(delivery).operations().skip(Position.of(4), "a test");
    publish(relay(delivery));
    assertThat(published())
        .containsExactlyInAnyOrder(
            "order-1@1",
            "order-1@2",
            "order-13@1",
            "order-13@3",
            "order-13@4",
            "order-2@1",
            "order-2@2");
    requireExact(relay(delivery));
  }

  @ParameterizedTest
  @EnumSource
  void its_stream_is_parked_and_retried_up_to_what_is_refused_again(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder parking = relay(delivery).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    assertThat(published())
        .containsExactlyInAnyOrder(
            "order-1@1", "order-1@2", "order-13@1", "order-2@1", "order-2@2");
    RelayOperations operations = parking.operations();
    assertThat(operations.parked())
        .singleElement()
        .satisfies(
            parked -> {
              assertThat(parked.since()).isEqualTo(Position.of(4));
              assertThat(parked.reason()).contains("key");
            });
    requireExact(parking);

    assertThatThrownBy(() -> operations.retryParked(SICK))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the event at position 4 of stream order-13")
        .hasMessageContaining("key");
    assertThat(operations.parked()).hasSize(1);
    sick = false;
    assertThat(operations.retryParked(SICK)).isEqualTo(3);
    assertThat(operations.parked()).isEmpty();
    publish(parking);
    assertThat(published()).hasSize(bench.stored().size()).contains("order-13@2", "order-13@4");
    requireExact(parking);
  }

  @ParameterizedTest
  @EnumSource
  void it_goes_to_the_dead_letters(Delivery delivery) throws Exception {
    String letters = "letters-" + bench.topic;
    bench.createTopic(letters, 1);
    KafkaRelay.Builder builder =
        relay(delivery).onPoison(PoisonPolicy.deadLetter()).deadLetters(letters);
    publish(builder);
    assertThat(published()).hasSize(7).doesNotContain("none@2");
    assertThat(bench.consumed(letters))
        .isNotEmpty()
        .allSatisfy(
            letter -> {
              assertThat(letter.value())
                  .isEqualTo(bench.store.read(SICK).get(1).encoded().dataUtf8());
              assertThat(header(letter, "dead_letter_reason")).contains("key");
              assertThat(header(letter, "es_position")).isEqualTo("4");
            });
    requireExact(builder);
  }

  @ParameterizedTest
  @EnumSource
  void a_policy_is_told_what_kafka_says(Delivery delivery) throws Exception {
    KafkaRelay.Builder builder =
        relay(delivery)
            .onPoison(
                PoisonPolicy.decide(
                    poison ->
                        poison.failure().getCause() instanceof InvalidRecordException
                            ? Decision.SKIP
                            : Decision.HALT));
    publish(builder);
    assertThat(published()).hasSize(7).doesNotContain("none@2");
    requireExact(builder);
  }

  @ParameterizedTest
  @EnumSource
  void one_among_thousands_is_found_in_a_few_tries(Delivery delivery) throws Exception {
    bench.appendBacklog(2_000, 200);
    bench.append("sick-1", 1);
    bench.appendBacklog(2_000, 200);
    CloudEvents events = CloudEvents.from("/test");
    KafkaRelay.Builder builder =
        bench
            .relay()
            .delivery(delivery)
            .mapper(
                event ->
                    event.stream().category().equals("sick")
                        ? List.of(events.record(event).key((byte[]) null))
                        : events.map(event))
            .onPoison(PoisonPolicy.decide(poison -> Decision.SKIP));
    RelayStatus status = publish(builder);
    assertThat(status.aborts()).isLessThan(20);
    assertThat(status.fenced()).isZero();
    assertThat(published()).noneMatch(name -> name.startsWith("none"));
    requireExact(builder);
  }

  @ParameterizedTest
  @EnumSource
  void a_message_to_an_internal_topic_is_passed_over_or_halts_it(Delivery delivery)
      throws Exception {
    // Which there is when somebody has had a transaction.
    bench.createTopic("other-" + bench.topic, 1);
    publish(bench.relay().name("another-" + bench.topic).topic("other-" + bench.topic));
    sick = false;
    bench.store.append(
        Append.to(
                StreamId.parse("order-7"),
                ExpectedVersion.any(),
                List.of(EncodedEvent.of("Happened", 1, "{}")))
            .message(
                OutboxMessage.to("relay-of-" + bench.topic, "__transaction_state")
                    .key("k")
                    .json("{}")));
    List<RecordedEvent> stored = bench.stored();
    Position ofMessage = Position.of(stored.get(stored.size() - 1).position().value() + 1);
    bench.append("order-7", 2);
    // A message has no stream to park.
    try (KafkaRelay relay = relay(delivery).onPoison(PoisonPolicy.parkStream()).start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("position " + ofMessage)
          .hasMessageContaining("RelayOperations.skip");
    }
    assertThat(published()).hasSizeGreaterThanOrEqualTo(stored.size());
    relay(delivery).operations().skip(ofMessage, "a test");
    publish(relay(delivery));
    assertThat(published()).hasSize(bench.stored().size());
    requireExact(relay(delivery));
  }

  @Test
  void a_dead_letter_that_is_refused_too_is_sent_without_its_value_or_halts_it() throws Exception {
    String letters = "letters-" + bench.topic;
    bench.createTopic(letters, 1);
    bench.configure(letters, "message.timestamp.before.max.ms", "1");
    bench.configure(letters, "message.timestamp.after.max.ms", "1");
    try (KafkaRelay relay =
        relay(Delivery.EXACTLY_ONCE)
            .onPoison(PoisonPolicy.deadLetter())
            .deadLetters(letters)
            .start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("position 4")
          .hasMessageContaining(letters)
          .hasMessageContaining("RelayOperations.skip");
      assertThat(relay.status().position()).isEqualTo(Position.of(3));
    }
    assertThat(published()).hasSize(3);
  }

  /** As a record's time may be. */
  @ParameterizedTest
  @EnumSource
  void a_time_that_the_topic_does_not_take_is_decided_by_the_policy(Delivery delivery)
      throws Exception {
    String other = "recent-" + bench.topic;
    bench.createTopic(other, 1);
    bench.configure(other, "message.timestamp.before.max.ms", "3600000");
    CloudEvents events = CloudEvents.from("/test");
    KafkaRelay.Builder builder =
        bench
            .relay()
            .topic(other)
            .delivery(delivery)
            .mapper(
                event ->
                    List.of(
                        event.stream().equals(SICK) && event.version() == 2
                            ? events.record(event).timestamp(Instant.EPOCH)
                            : events.record(event)))
            .onPoison(PoisonPolicy.decide(poison -> Decision.SKIP));
    publish(builder);
    assertThat(bench.consumed(other))
        .extracting(record -> header(record, "es_position"))
        .contains("3", "5", "8")
        .doesNotContain("4");
    requireExact(builder);
  }
}
