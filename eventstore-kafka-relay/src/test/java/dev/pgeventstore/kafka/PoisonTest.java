package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What becomes of events that cannot be published, and of the others. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class PoisonTest {

  private static final StreamId SICK = StreamId.parse("order-13");

  private Bench bench;
  private volatile boolean sick = true;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
    bench.append("order-1", 2);
    bench.append("order-13", 3);
    bench.append("order-2", 2);
    bench.append("order-13", 1);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** Fails for the second event of one stream, as long as it is sick. */
  private RecordMapper mapper() {
    CloudEvents events = CloudEvents.from("/test");
    return event -> {
      if (sick && event.stream().equals(SICK) && event.version() == 2) {
        throw new IllegalStateException("cannot map this");
      }
      return events.map(event);
    };
  }

  @Test
  void an_interrupt_that_a_mapper_or_a_policy_leaves_behind_changes_nothing() throws Exception {
    RecordMapper mapper = mapper();
    publish(
        bench
            .relay()
            .mapper(
                event -> {
                  Thread.currentThread().interrupt();
                  return mapper.map(event);
                })
            .onPoison(
                PoisonPolicy.decide(
                    poison -> {
                      Thread.currentThread().interrupt();
                      return Decision.SKIP;
                    })));

    assertThat(published())
        .containsExactlyInAnyOrder(
            "order-1@1",
            "order-1@2",
            "order-13@1",
            "order-13@3",
            "order-13@4",
            "order-2@1",
            "order-2@2");
  }

  /** Whatever a mapper can throw that says something about its event. */
  static Stream<Throwable> whatMappersThrow() {
    IllegalStateException ring = new IllegalStateException("cannot map this");
    ring.initCause(new IllegalArgumentException("because of", ring));
    return Stream.of(
        new AssertionError("cannot map this"),
        new NoClassDefFoundError("cannot map this"),
        new StackOverflowError("cannot map this"),
        new InterruptedException("cannot map this"),
        new Exception("cannot map this"),
        ring);
  }

  private RecordMapper throwing(Throwable failure) {
    CloudEvents events = CloudEvents.from("/test");
    return event -> {
      if (event.stream().equals(SICK) && event.version() == 2) {
        throw PoisonTest.<RuntimeException>sneaky(failure);
      }
      return events.map(event);
    };
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> T sneaky(Throwable failure) throws T {
    throw (T) failure;
  }

  @ParameterizedTest
  @MethodSource("whatMappersThrow")
  void whatever_a_mapper_throws_the_policy_decides(Throwable failure) throws Exception {
    KafkaRelay.Builder builder = bench.relay().mapper(throwing(failure));
    try (KafkaRelay relay = builder.start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("stream order-13 at position 4")
          .hasMessageContaining("cannot map this")
          .hasMessageContaining("RelayOperations.skip");
      assertThat(relay.status().position()).isEqualTo(Position.of(3));
    }
    assertThat(published()).containsExactlyInAnyOrder("order-1@1", "order-1@2", "order-13@1");
    publish(builder.onPoison(PoisonPolicy.parkStream()));
    assertThat(published())
        .containsExactlyInAnyOrder(
            "order-1@1", "order-1@2", "order-13@1", "order-2@1", "order-2@2");
    assertThatThrownBy(() -> builder.operations().retryParked(SICK))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("cannot map this");
    assertThat(builder.operations().verify(progress -> {}).isExact()).isTrue();
  }

  /** It may fail for any other event as well: no policy is asked. */
  @Test
  void a_virtual_machine_that_is_out_of_memory_halts_it_behind_everything_before() {
    try (KafkaRelay relay =
        bench
            .relay()
            .mapper(throwing(new OutOfMemoryError("no heap")))
            .onPoison(PoisonPolicy.parkStream())
            .start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("position 4")
          .hasMessageContaining("no heap");
    }
    assertThat(published()).containsExactlyInAnyOrder("order-1@1", "order-1@2", "order-13@1");
  }

  private KafkaRelay.Builder relay(Delivery delivery) {
    return bench.relay().delivery(delivery).mapper(mapper());
  }

  private void publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
    }
  }

  private List<String> published() {
    return bench.consumed().stream().map(PoisonTest::name).toList();
  }

  private static String name(ConsumerRecord<byte[], byte[]> record) {
    return new String(record.key(), UTF_8) + "@" + header(record, "es_version");
  }

  @ParameterizedTest
  @EnumSource
  void by_default_it_halts_behind_everything_before(Delivery delivery) throws Exception {
    try (KafkaRelay relay = relay(delivery).start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("stream order-13 at position 4")
          .hasMessageContaining("cannot map this");
      assertThat(relay.status().position()).isEqualTo(Position.of(3));
    }
    assertThat(published()).containsExactlyInAnyOrder("order-1@1", "order-1@2", "order-13@1");

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
    assertThat(relay(delivery).operations().audit(0).values()).containsExactly("skip 4: a test");
  }

  @ParameterizedTest
  @EnumSource
  void a_parked_stream_waits_as_a_whole_and_the_others_go_on(Delivery delivery) throws Exception {
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
              assertThat(parked.stream()).isEqualTo(SICK);
              assertThat(parked.since()).isEqualTo(Position.of(4));
              assertThat(parked.reason()).contains("cannot map this");
            });

    // It waits through a restart, and so does what is appended later.
    bench.append("order-13", 1);
    publish(parking);
    assertThat(published()).hasSize(5);

    assertThatThrownBy(() -> operations.retryParked(SICK))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("cannot map this");
    sick = false;
    // The last event is among them if the relay has noted that it has come behind it.
    assertThat(operations.retryParked(SICK)).isBetween(3, 4);
    assertThat(operations.parked()).isEmpty();
    bench.append("order-13", 1);
    publish(parking);

    List<RecordedEvent> stored = bench.stored();
    assertThat(published()).hasSize(stored.size());
    assertThat(bench.consumed())
        .filteredOn(record -> new String(record.key(), UTF_8).equals("order-13"))
        .extracting(record -> header(record, "es_version"))
        .containsExactly("1", "2", "3", "4", "5", "6");
    requireUnbrokenChains();
    assertThatThrownBy(() -> operations.retryParked(SICK))
        .isInstanceOf(NoSuchElementException.class);
  }

  /** Places grow, and each record names the one before. */
  private void requireUnbrokenChains() {
    String[] last = {"0:0", "0:0", "0:0"};
    for (ConsumerRecord<byte[], byte[]> record : bench.consumed()) {
      RecordPlace before = RecordPlace.parse(last[record.partition()]);
      String place = header(record, "es_position") + ":" + header(record, "es_index");
      assertThat(header(record, "es_prev")).isEqualTo(last[record.partition()]);
      assertThat(RecordPlace.parse(place)).isGreaterThan(before);
      last[record.partition()] = place;
    }
  }

  @ParameterizedTest
  @EnumSource
  void what_is_discarded_is_not_published_and_the_stream_goes_on(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder parking = relay(delivery).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    parking.operations().discardParked(SICK, "a test");
    bench.append("order-13", 1);
    publish(parking);
    assertThat(published())
        .containsExactlyInAnyOrder(
            "order-1@1", "order-1@2", "order-13@1", "order-13@5", "order-2@1", "order-2@2");
    requireUnbrokenChains();
  }

  @ParameterizedTest
  @EnumSource
  void a_dead_letter_has_the_event_and_the_reason(Delivery delivery) throws Exception {
    String letters = "letters-" + bench.topic;
    bench.createTopic(letters, 1);
    publish(relay(delivery).onPoison(PoisonPolicy.deadLetter()).deadLetters(letters));
    assertThat(published()).hasSize(7).doesNotContain("order-13@2");
    assertThat(bench.consumed(letters))
        .singleElement()
        .satisfies(
            letter -> {
              assertThat(letter.value())
                  .isEqualTo(bench.store.read(SICK).get(1).encoded().dataUtf8());
              assertThat(header(letter, "dead_letter_reason")).contains("cannot map this");
              assertThat(header(letter, "dead_letter_topic")).isEqualTo(bench.topic);
              assertThat(header(letter, "ce_subject")).isEqualTo("order-13");
              assertThat(header(letter, "es_position")).isEqualTo("4");
            });
  }

  @ParameterizedTest
  @EnumSource
  void a_policy_of_ones_own_decides_case_by_case(Delivery delivery) throws Exception {
    publish(
        relay(delivery)
            .onPoison(
                PoisonPolicy.decide(
                    poison ->
                        poison.stream().equals(Optional.of("order-13"))
                            ? Decision.SKIP
                            : Decision.HALT)));
    assertThat(published()).hasSize(7).doesNotContain("order-13@2");
    requireUnbrokenChains();

    // That was noted: who knows nothing of the policy does not come upon it again.
    relay(delivery).operations().rewindTo(Position.START, "a test");
    publish(relay(delivery));
  }

  @ParameterizedTest
  @EnumSource
  void a_policy_that_fails_halts_the_relay(Delivery delivery) {
    try (KafkaRelay relay =
        relay(delivery)
            .onPoison(
                PoisonPolicy.decide(
                    poison -> {
                      throw new AssertionError("undecided");
                    }))
            .start()) {
      assertThatThrownBy(() -> relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE))
          .hasMessageContaining("position 4")
          .hasMessageContaining("undecided");
    }
    assertThat(published()).hasSize(3);
  }

  @Test
  void a_parked_stream_can_be_retried_without_the_event_that_is_skipped() throws Exception {
    KafkaRelay.Builder parking = relay(Delivery.EXACTLY_ONCE).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    parking.operations().skip(Position.of(4), "a test");
    parking.operations().retryParked(SICK);
    publish(parking);
    assertThat(published()).hasSize(7).doesNotContain("order-13@2");
    requireUnbrokenChains();
  }

  @Test
  void a_relay_rewound_before_a_parked_stream_publishes_what_stood_before_it() throws Exception {
    KafkaRelay.Builder parking = relay(Delivery.EXACTLY_ONCE).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    parking.operations().rewindTo(Position.START, "a test");
    publish(parking);
    assertThat(published())
        .containsExactlyInAnyOrder(
            "order-1@1",
            "order-1@2",
            "order-13@1",
            "order-2@1",
            "order-2@2",
            "order-1@1",
            "order-1@2",
            "order-13@1",
            "order-2@1",
            "order-2@2");
  }

  @Test
  void what_was_said_of_positions_is_forgotten_where_they_may_be_another_events() throws Exception {
    KafkaRelay.Builder parking = relay(Delivery.EXACTLY_ONCE).onPoison(PoisonPolicy.parkStream());
    publish(parking);
    RelayOperations operations = parking.operations();
    operations.skip(Position.of(6), "a test");
    operations.skip(Position.of(1), "a test");
    sick = false;
    operations.newSeries(Position.of(2), "a test");
    assertThat(operations.parked()).isEmpty();
    publish(parking);
    assertThat(bench.consumed())
        .filteredOn(record -> header(record, "es_relay").endsWith("~2"))
        .extracting(PoisonTest::name)
        .containsExactlyInAnyOrder(
            "order-13@1", "order-13@2", "order-13@3", "order-13@4", "order-2@1", "order-2@2");
  }
}
