package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.PoisonPolicy;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What relays of all shapes send is taken once, and is no gap. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayShapesConsumedTest {

  private static final StreamId SICK = StreamId.of("order", "1");

  private ConsumerBench bench;
  private final List<RelayedRecord> seen = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private void remember(RelayedBatch batch) throws SQLException {
    ConsumerBench.work(batch);
    seen.addAll(batch.records());
  }

  private KafkaRelay.Builder relay() {
    return ConsumerBench.relay(bench.store, bench.broker.bootstrap(), bench.topic);
  }

  private void publish(KafkaRelay.Builder builder) throws Exception {
    try (KafkaRelay relay = builder.start()) {
      relay.awaitPublished(bench.store.highWaterMark(), ConsumerBench.PATIENCE);
    }
  }

  @ParameterizedTest
  @EnumSource
  void events_and_messages_of_several_lanes(Delivery delivery) throws Exception {
    for (int append = 0; append < 30; append++) {
      bench.append("order-" + append % 12, 2);
      Outbox.of(bench.store)
          .publish(
              List.of(
                  OutboxMessage.to("relay-of-" + bench.topic, bench.topic)
                      .key("customer-" + append % 5)
                      .json("{}")));
    }
    publish(relay().delivery(delivery).lanes(3));

    try (RelayedConsumer consumer = bench.consumer(this::remember).start()) {
      bench.awaitDone(90);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 90);
    }
    assertThat(seen).filteredOn(RelayedRecord::isEvent).hasSize(60);
    assertThat(seen)
        .filteredOn(RelayedRecord::isEvent)
        .extracting(record -> record.event().position())
        .containsExactlyInAnyOrderElementsOf(
            bench.stored().stream().map(RecordedEvent::position).toList());
    assertThat(seen).extracting(record -> record.sequence().lane()).contains(0, 1, 2);
  }

  @Test
  void a_relay_that_was_rewound() throws Exception {
    bench.append("order-1", 5);
    bench.append("order-2", 5);
    publish(relay());
    try (RelayedConsumer consumer = bench.consumer(this::remember).start()) {
      bench.awaitDone(10);
      relay().operations().rewindTo(Position.of(3), "a test");
      bench.append("order-1", 2);
      publish(relay());
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 12);
      assertThat(consumer.status().repeated()).isEqualTo(7);
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_parked_stream_that_is_sent_late() throws Exception {
    AtomicBoolean sick = new AtomicBoolean(true);
    CloudEvents events = CloudEvents.from("/test");
    KafkaRelay.Builder parking =
        relay()
            .onPoison(PoisonPolicy.parkStream())
            .mapper(
                event -> {
                  if (sick.get() && event.stream().equals(SICK) && event.version() == 2) {
                    throw new IllegalStateException("cannot map this");
                  }
                  return events.map(event);
                });
    bench.append("order-1", 3);
    bench.append("order-2", 5);
    publish(parking);
    try (RelayedConsumer consumer = bench.consumer(this::remember).start()) {
      bench.awaitDone(6);
      sick.set(false);
      parking.operations().retryParked(SICK);
      bench.append("order-1", 1);
      publish(parking);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 9);
      assertThat(consumer.status().repeated()).isZero();
    }
    assertThat(seen)
        .filteredOn(record -> record.event().stream().equals(SICK))
        .extracting(record -> record.event().position())
        .containsExactlyElementsOf(
            bench.stored().stream()
                .filter(event -> event.stream().equals(SICK))
                .map(RecordedEvent::position)
                .toList());
  }
}
