package dev.pgeventstore.benchmarks;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.postgres.ImportedEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * Publishes the whole log to a topic with six partitions. The limit is plain JDBC and a plain
 * producer. The measurement begins when the relay leads, or when the producer is ready.
 */
final class RelayWorks implements Works {

  private static final int STREAMS_IN_TURN = 20;
  private static final int EVENTS_PER_STREAM = 5;
  private static final int REMEMBERED = 5_000;

  private final Stage stage;
  private final Kafka kafka;
  private final int events;
  private Position last = Position.START;
  private int measured;

  RelayWorks(Stage stage, Kafka kafka, Options options) {
    this.stage = stage;
    this.kafka = kafka;
    this.events = options.events();
  }

  @Override
  public void prepare() throws Exception {
    stage
        .store()
        .importer()
        .run(
            LongStream.range(0, events)
                .mapToObj(number -> ImportedEvent.of(stream(number), Parcel.number(number))));
    stage.fillPlainTable();
    last = last();
  }

  /** The stream of an event: twenty streams take turns until they are full. */
  private static StreamId stream(long number) {
    long group = number / (STREAMS_IN_TURN * EVENTS_PER_STREAM);
    return StreamId.of("parcel", group + "-" + number % STREAMS_IN_TURN);
  }

  private Position last() {
    EventPage page = stage.store().readPage(Position.START, 1);
    return page.highWaterMark();
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of("relay, exactly once", () -> ours(Delivery.EXACTLY_ONCE), this::plainTransactions),
        Work.of("relay, at least once", () -> ours(Delivery.AT_LEAST_ONCE), this::plainSends),
        Work.of("relay, a plain producer from memory", this::fromMemory));
  }

  private Figures ours(Delivery delivery) throws Exception {
    String topic = kafka.newTopic(Kafka.PARTITIONS);
    try (KafkaRelay relay =
        KafkaRelay.builder(stage.store(), kafka.clients())
            .name("benchmark-" + ++measured)
            .topic(topic)
            .delivery(delivery)
            .source("/benchmark")
            .start()) {
      await(relay, status -> status.state() == RelayStatus.State.LEADING);
      long started = System.nanoTime();
      await(relay, status -> !last.isAfter(status.position()));
      return figures((int) relay.status().eventsSent(), started);
    } finally {
      kafka.delete(topic);
    }
  }

  private static void await(KafkaRelay relay, Predicate<RelayStatus> wanted) {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(10);
    while (!wanted.test(relay.status())) {
      if (relay.status().state() == RelayStatus.State.HALTED || System.nanoTime() > deadline) {
        throw new IllegalStateException("the relay does not get there: " + relay.status());
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  private Figures plainTransactions() throws Exception {
    String positions = kafka.newTopic(1);
    Map<String, Object> settings = new HashMap<>(kafka.producer());
    settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, positions);
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
      producer.initTransactions();
      return plain(producer, Optional.of(positions));
    } finally {
      kafka.delete(positions);
    }
  }

  private Figures plainSends() throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(kafka.producer())) {
      return plain(producer, Optional.empty());
    }
  }

  private Figures plain(KafkaProducer<byte[], byte[]> producer, Optional<String> positions)
      throws Exception {
    String topic = kafka.newTopic(Kafka.PARTITIONS);
    try (Connection connection = stage.open()) {
      long started = System.nanoTime();
      int count = new PlainRelay(producer, topic, positions).run(connection);
      return figures(count, started);
    } finally {
      kafka.delete(topic);
    }
  }

  /** Measures the producer and the broker alone, with records that were prepared before. */
  private Figures fromMemory() throws Exception {
    String topic = kafka.newTopic(Kafka.PARTITIONS);
    List<ProducerRecord<byte[], byte[]>> records = records(topic);
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(kafka.producer())) {
      producer.partitionsFor(topic);
      long started = System.nanoTime();
      for (int i = 0; i < events; i++) {
        Future<RecordMetadata> unused = producer.send(records.get(i % records.size()));
      }
      producer.flush();
      return figures(events, started);
    } finally {
      kafka.delete(topic);
    }
  }

  private List<ProducerRecord<byte[], byte[]>> records(String topic) throws Exception {
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    try (Connection connection = stage.open();
        PreparedStatement select = PlainTable.selectPage(connection)) {
      select.setLong(1, 0);
      select.setInt(2, REMEMBERED);
      PlainTable.read(select, row -> records.add(PlainRelay.record(topic, row, 0)));
    }
    return records;
  }

  private Figures figures(int count, long started) {
    if (count != events) {
      throw new IllegalStateException("sent %d of %d events".formatted(count, events));
    }
    return Figures.perSecond("events", count, System.nanoTime() - started);
  }
}
