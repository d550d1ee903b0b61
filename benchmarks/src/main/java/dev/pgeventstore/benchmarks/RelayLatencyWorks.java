package dev.pgeventstore.benchmarks;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.spi.EventFeed;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * How soon after its append an event can be read from the topic. With both deliveries, the consumer
 * reads committed records only; without transactions, each record counts as committed immediately.
 * There is nothing to compare this with.
 *
 * <p>The first second is not measured: the topic, the relay and the consumer are new, and their
 * start takes the processors for some tenths of a second.
 */
final class RelayLatencyWorks implements Works {

  private static final int NOT_COUNTED = Pace.PER_SECOND;
  private static final Duration POLL = Duration.ofMillis(100);
  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final Stage stage;
  private final Kafka kafka;
  private final Options options;
  private int measured;

  RelayLatencyWorks(Stage stage, Kafka kafka, Options options) {
    this.stage = stage;
    this.kafka = kafka;
    this.options = options;
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of(
            "relay latency, exactly once, %d appends/s".formatted(Pace.PER_SECOND),
            () -> measure(Delivery.EXACTLY_ONCE)),
        Work.of(
            "relay latency, at least once, %d appends/s".formatted(Pace.PER_SECOND),
            () -> measure(Delivery.AT_LEAST_ONCE)));
  }

  private Figures measure(Delivery delivery) throws Exception {
    int count = NOT_COUNTED + Pace.beats(options.liveSeconds());
    String topic = kafka.newTopic(Kafka.PARTITIONS);
    String name = "live-relay-" + ++measured;
    try (KafkaRelay relay =
            KafkaRelay.builder(stage.store(), kafka.clients())
                .name(name)
                .topic(topic)
                .delivery(delivery)
                .startAfter(stage.store().unwrap(EventFeed.class).orElseThrow().highWaterMark())
                .start();
        KafkaConsumer<byte[], byte[]> consumer = consumer(topic)) {
      awaitLeading(relay);
      FutureTask<long[]> reading = new FutureTask<>(() -> read(consumer, count));
      new Thread(reading, "reader-of-" + topic).start();
      long started = System.nanoTime();
      long[] returned = AppendingProcess.append(stage.store(), name, count);
      long[] readable = reading.get(2, TimeUnit.MINUTES);
      long[] nanos = new long[count - NOT_COUNTED];
      for (int i = 0; i < nanos.length; i++) {
        int append = NOT_COUNTED + i;
        // The record may be readable before the append has returned to its thread.
        nanos[i] = TimeUnit.MICROSECONDS.toNanos(Math.max(0, readable[append] - returned[append]));
      }
      return Figures.perSecond("appends", count, System.nanoTime() - started)
          .with("returned to readable", nanos, 0.5, 0.99);
    } finally {
      kafka.delete(topic);
    }
  }

  private static void awaitLeading(KafkaRelay relay) {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (relay.status().state() != RelayStatus.State.LEADING) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("the relay does not lead: " + relay.status());
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  private KafkaConsumer<byte[], byte[]> consumer(String topic) {
    Map<String, Object> settings = new HashMap<>(kafka.clients());
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    List<TopicPartition> partitions =
        consumer.partitionsFor(topic).stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    return consumer;
  }

  /** The times at which the events of the appends could be read, in microseconds. */
  private long[] read(KafkaConsumer<byte[], byte[]> consumer, int count) {
    RecordDecoder decoder = RecordDecoder.of(stage.codec());
    long[] readable = new long[count];
    long deadline = System.nanoTime() + PATIENCE_NANOS + options.liveSeconds().toNanos();
    for (int seen = 0; seen < count; ) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("read %d of %d events".formatted(seen, count));
      }
      var records = consumer.poll(POLL);
      long now = WallClock.micros();
      for (ConsumerRecord<byte[], byte[]> record : records) {
        Parcel parcel = (Parcel) decoder.decode(record).orElseThrow().event().payload();
        readable[(int) parcel.number()] = now;
        seen++;
      }
    }
    return readable;
  }
}
