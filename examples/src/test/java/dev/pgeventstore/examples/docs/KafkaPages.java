package dev.pgeventstore.examples.docs;

import static dev.pgeventstore.ExpectedVersion.exactly;

import dev.pgeventstore.Append;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.consumer.EventRouter;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedConsumer;
import dev.pgeventstore.kafka.consumer.SequenceRules;
import dev.pgeventstore.kafka.consumer.WatermarkInbox;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;

/** The code of the pages about Kafka, which is only compiled, to show that it is valid. */
abstract class KafkaPages {

  sealed interface OrderEvent {}

  @EventType(name = "order-placed")
  record OrderPlaced(String customer) implements OrderEvent {}

  @EventType(name = "order-shipped")
  record Shipped(Instant at) implements OrderEvent {}

  abstract void invoice(OrderPlaced placed, Connection connection) throws SQLException;

  abstract void prices(byte[] value, Connection connection) throws SQLException;

  abstract boolean isInternal(RecordedEvent event);

  abstract String publicJson(RecordedEvent event);

  abstract String region(RecordedEvent event);

  KafkaRelay relay(EventStore store) {
    // tag::relay[]
    KafkaRelay relay =
        KafkaRelay.builder(store, Map.of("bootstrap.servers", "kafka:9092"))
            .name("orders")
            .topic("orders")
            .start();
    // end::relay[]
    return relay;
  }

  List<RecordMapper> mappers() {
    // tag::mappers[]
    CloudEvents cloudEvents = CloudEvents.from("/shop");

    // Internal events stay internal; others are published in a public shape, to a topic of their
    // own.
    RecordMapper mapper =
        event ->
            isInternal(event)
                ? List.of()
                : List.of(cloudEvents.record(event).topic("public").value(publicJson(event)));

    // Two records of one event.
    RecordMapper twice =
        event ->
            List.of(
                cloudEvents.record(event),
                cloudEvents.record(event, 1).topic("audit").key(region(event)));
    // end::mappers[]
    return List.of(mapper, twice);
  }

  void outbox(EventStore store, Connection connection, StreamId order, Instant now) {
    // tag::outbox[]
    store.append(
        Append.to(order, exactly(3), List.of(new Shipped(now)))
            .message(OutboxMessage.to("public", "shipments").key("42").json("{\"order\": 42}")));

    Outbox.of(store.within(connection))
        .publish(List.of(OutboxMessage.to("public", "mails").json("{\"to\": \"ben\"}")));
    // end::outbox[]
  }

  void consumer(Map<String, Object> kafka, DataSource dataSource) throws SQLException {
    // tag::consumer[]
    EventCodec codec = JacksonCodec.of(EventTypes.of(OrderEvent.class));
    RecordDecoder decoder = RecordDecoder.of(codec);
    WatermarkInbox inbox = WatermarkInbox.builder("billing", decoder).build();
    inbox.createTable(dataSource); // or put inbox.ddl() into a migration

    EventRouter router =
        EventRouter.builder(codec)
            .on(OrderPlaced.class, (placed, context) -> invoice(placed, context.connection()))
            .on(
                "PriceListChanged",
                context -> prices(context.record().value(), context.connection()))
            .build();

    try (RelayedConsumer consumer =
        RelayedConsumer.builder(kafka, dataSource, inbox, router)
            .topics("orders")
            .deadLetters("orders-billing-dead")
            .start()) {
      // until the service ends
    }
    // end::consumer[]
  }

  void loop(
      Consumer<byte[], byte[]> consumer,
      DataSource dataSource,
      WatermarkInbox inbox,
      EventRouter router) {
    // tag::loop[]
    ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofSeconds(1));
    for (TopicPartition partition : polled.partitions()) {
      inbox.handle(dataSource, polled.records(partition), router);
    }
    consumer.commitSync();
    // end::loop[]
  }

  RelayedConsumer replay(
      Map<String, Object> kafka, DataSource dataSource, RecordDecoder decoder, EventRouter router) {
    // tag::replay[]
    WatermarkInbox replays =
        WatermarkInbox.builder("billing-replays", decoder)
            .rules(SequenceRules.exact().allowingHoles())
            .build();
    RelayedConsumer replaying =
        RelayedConsumer.builder(kafka, dataSource, replays, router)
            .topics("orders-billing-dead")
            .replayDeadLettersOf("billing")
            .start();
    // end::replay[]
    return replaying;
  }
}
