package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Relays that are declared with something else than before. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class RelayDeclarationTest {

  private static final CloudEvents CLOUD_EVENTS = CloudEvents.from("/a-test");

  private Bench bench;
  private String other;

  @BeforeEach
  void open(Database database, KafkaBroker broker) {
    bench = new Bench(database, broker);
    other = bench.topic + "-other";
    bench.createTopic(other, 2);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** What may change, and how the refusal names it. */
  private enum Changed {
    TOPIC("the topic ["),
    MAPPER("the mapper [dev.pgeventstore.kafka.record.CloudEvents]"),
    DELIVERY("the delivery ["),
    QUERY("the query [all events]");

    private final String named;

    Changed(String named) {
      this.named = named;
    }
  }

  private KafkaRelay.Builder changed(Changed what, Delivery delivery) {
    KafkaRelay.Builder builder = bench.relay().delivery(delivery);
    return switch (what) {
      case TOPIC -> builder.topic(other);
      case MAPPER -> builder.mapper(event -> List.of(CLOUD_EVENTS.record(event)));
      case DELIVERY ->
          builder.delivery(
              delivery == Delivery.EXACTLY_ONCE ? Delivery.AT_LEAST_ONCE : Delivery.EXACTLY_ONCE);
      case QUERY -> builder.query(EventQuery.all().categories("order"));
    };
  }

  static Stream<Arguments> changes() {
    return Stream.of(Changed.values())
        .flatMap(
            what -> Stream.of(Delivery.values()).map(delivery -> Arguments.of(what, delivery)));
  }

  private void publish(KafkaRelay.Builder builder, String stream, int events) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      // By the position: all lanes are to come that far.
      relay.awaitPublished(bench.append(stream, events).position(), Bench.PATIENCE);
    }
  }

  private static String haltedReason(KafkaRelay.Builder builder) {
    try (KafkaRelay relay = builder.start()) {
      await()
          .atMost(Bench.PATIENCE)
          .until(
              () ->
                  relay.status().state() == State.HALTED
                      || relay.status().state() == State.LEADING && relay.status().lag() == 0);
      assertThat(relay.status().state()).as(relay.status().toString()).isEqualTo(State.HALTED);
      return relay.status().reason().orElseThrow();
    }
  }

  private int consumed() {
    return bench.consumed().size() + bench.consumed(other).size();
  }

  private static void verify(KafkaRelay.Builder builder) throws Exception {
    VerificationReport report = builder.operations().verify(progress -> {});
    assertThat(report.isExact()).as("%s", report).isTrue();
  }

  @ParameterizedTest
  @MethodSource("changes")
  void a_change_is_refused_until_it_is_declared_and_then_nothing_is_missing_or_repeated(
      Changed what, Delivery delivery) throws Exception {
    publish(bench.relay().delivery(delivery), "order-1", 3);
    bench.append("order-1", 1);

    assertThat(haltedReason(changed(what, delivery))).contains(what.named, "redeclare(");
    assertThat(consumed()).isEqualTo(3);
    // Nor by an operator who is not asked to change it.
    assertThatThrownBy(() -> changed(what, delivery).operations().pause("a test"))
        .isInstanceOf(RelayHaltedException.class);

    changed(what, delivery).operations().redeclare("a test");
    publish(changed(what, delivery), "order-1", 2);
    publish(changed(what, delivery), "order-1", 1);
    assertThat(consumed()).isEqualTo(7);
    assertThat(Stream.concat(bench.consumed().stream(), bench.consumed(other).stream()))
        .extracting(record -> header(record, "es_version"))
        .containsExactlyInAnyOrder("1", "2", "3", "4", "5", "6", "7");
    verify(changed(what, delivery));

    // An earlier build that still runs is not let in again.
    assertThat(haltedReason(bench.relay().delivery(delivery))).contains("redeclare(");
    assertThat(consumed()).isEqualTo(7);
    // There and back.
    bench.relay().delivery(delivery).operations().redeclare("back");
    publish(bench.relay().delivery(delivery), "order-1", 1);
    assertThat(consumed()).isEqualTo(8);
    verify(bench.relay().delivery(delivery));
  }

  @ParameterizedTest
  @EnumSource
  void names_that_are_swapped_are_refused_before_anything_is_sent(Delivery delivery)
      throws Exception {
    UnaryOperator<KafkaRelay.Builder> mails =
        builder -> builder.topic(other).query(EventQuery.all().categories("mail"));
    String second = "second-of-" + bench.topic;
    publish(bench.relay().delivery(delivery), "mail-1", 3);
    bench.append("order-1", 3);
    publish(mails.apply(bench.relay().delivery(delivery).name(second)), "mail-1", 3);
    int before = consumed();

    assertThat(haltedReason(bench.relay().delivery(delivery).name(second)))
        .contains("the topic [" + other + "]", "give each its own");
    assertThat(haltedReason(mails.apply(bench.relay().delivery(delivery))))
        .contains("the topic [" + bench.topic + "]", "give each its own");
    assertThat(consumed()).isEqualTo(before);
  }

  @ParameterizedTest
  @EnumSource
  void the_number_of_lanes_cannot_be_declared_anew(Delivery delivery) throws Exception {
    publish(bench.relay().delivery(delivery).lanes(2), "order-1", 3);
    assertThatThrownBy(
            () -> bench.relay().delivery(delivery).lanes(3).operations().redeclare("a test"))
        .isInstanceOf(RelayHaltedException.class)
        .hasMessageContaining("2 ");
    publish(bench.relay().delivery(delivery).lanes(2), "order-1", 1);
    assertThat(bench.consumed()).hasSize(4);
  }

  @ParameterizedTest
  @EnumSource
  void what_is_parked_waits_over_a_change_and_is_published_by_the_new_declaration(Delivery delivery)
      throws Exception {
    KafkaRelay.Builder sick =
        bench
            .relay()
            .delivery(delivery)
            .lanes(2)
            .onPoison(PoisonPolicy.parkStream())
            .mapper(new Sick());
    publish(sick, "order-1", 2);
    publish(sick, "sick-1", 2);
    publish(sick, "order-2", 1);
    assertThat(bench.consumed()).hasSize(3);

    KafkaRelay.Builder healthy = changed(Changed.TOPIC, delivery).lanes(2);
    healthy.operations().redeclare("a test");
    publish(healthy, "sick-1", 1);
    assertThat(bench.consumed(other)).isEmpty();
    // The third one may not be noted as passed yet: then it is published in its turn.
    assertThat(healthy.operations().retryParked(StreamId.parse("sick-1"))).isBetween(2, 3);
    publish(healthy, "order-1", 1);
    assertThat(bench.consumed(other)).hasSize(4);
    verify(healthy);
  }

  private static final class Sick implements RecordMapper {
    @Override
    public List<RelayRecord> map(RecordedEvent event) {
      if (event.stream().category().equals("sick")) {
        throw new IllegalStateException("cannot map this");
      }
      return CLOUD_EVENTS.map(event);
    }
  }

  @Test
  void a_mapper_is_known_by_its_class_or_by_where_its_code_stands() {
    RecordMapper lambda = event -> List.of();
    RecordMapper anonymous =
        new RecordMapper() {
          @Override
          public List<RelayRecord> map(RecordedEvent event) {
            return List.of();
          }
        };
    assertThat(CLOUD_EVENTS.name()).isEqualTo(CloudEvents.class.getName());
    assertThat(new Sick().name()).isEqualTo(Sick.class.getName());
    assertThat(lambda.name()).isEqualTo("a lambda in " + getClass().getName());
    assertThat(anonymous.name()).isEqualTo("an anonymous class in " + getClass().getName());
  }
}
