package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class RelayedConsumerTest {

  private ConsumerBench bench;
  private final AtomicBoolean healed = new AtomicBoolean();
  private final AtomicInteger attempts = new AtomicInteger();

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** Fails at the fifth event of order-0, until it is healed. */
  private void workOrFail(RelayedBatch batch) throws Exception {
    for (RelayedRecord record : batch) {
      RecordedEvent event = record.event();
      if (event.stream().toString().equals("order-0") && event.version() == 5 && !healed.get()) {
        attempts.incrementAndGet();
        throw new IllegalStateException("the fifth");
      }
    }
    ConsumerBench.work(batch);
  }

  @Test
  void what_comes_is_handled_once_and_in_order_also_what_comes_later() throws Exception {
    bench.publish(9, 10);
    RelayedConsumer closed;
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      bench.awaitDone(90);
      bench.publish(9, 10);
      bench.awaitDone(180);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 180);
      assertThat(consumer.status().state()).isEqualTo(State.RUNNING);
      assertThat(consumer.status().partitions()).hasSize(ConsumerBench.PARTITIONS);
      closed = consumer;
    }

    assertThat(closed.status().state()).isEqualTo(State.CLOSED);
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void an_interrupt_that_the_handler_throws_or_leaves_behind_ends_no_consumer() throws Exception {
    bench.publish(3, 4);
    RelayedHandler handler =
        batch -> {
          if (attempts.incrementAndGet() == 1) {
            throw new InterruptedException("by a client of something else");
          }
          ConsumerBench.work(batch);
          Thread.currentThread().interrupt();
        };
    try (RelayedConsumer consumer = bench.consumer(handler).start()) {
      bench.awaitDone(12);
      bench.publish(3, 4);
      bench.awaitDone(24);
      assertThat(consumer.status().state()).isEqualTo(State.RUNNING);
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_handler_is_told_where_its_records_are_which_attempt_it_is_and_whether_it_is_to_stop()
      throws Exception {
    bench.publish(1, 3);
    TopicPartition partition =
        new TopicPartition(bench.topic, ConsumerBench.partitionOf("order-0"));
    List<Integer> seen = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch last = new CountDownLatch(1);
    List<Boolean> stopping = Collections.synchronizedList(new ArrayList<>());
    RelayedHandler handler =
        batch -> {
          assertThat(batch.partitions()).containsExactly(partition);
          assertThat(batch.group()).isEqualTo(bench.inbox.group());
          if (batch.records().get(0).event().version() == 1) {
            seen.add(batch.attempt());
            if (batch.attempt() < 3) {
              throw new IllegalStateException("not yet");
            }
            stopping.add(batch.isStopping());
            last.countDown();
            await().atMost(ConsumerBench.PATIENCE).until(batch::isStopping);
            throw new IllegalStateException("stopped");
          }
        };
    try (RelayedConsumer consumer = bench.consumer(handler).start()) {
      last.await();
    }

    assertThat(stopping).containsExactly(false);
    // With the others at first, then alone.
    assertThat(seen).containsExactly(1, 1, 2, 3);
    assertThat(bench.count()).isZero();
  }

  @Test
  void a_builder_that_is_used_further_changes_nothing_of_a_consumer_that_runs() throws Exception {
    bench.publish(3, 2);
    RelayedConsumer.Builder builder = bench.consumer(ConsumerBench::work);
    try (RelayedConsumer consumer = builder.start()) {
      builder.topics("no-such-topic").retries(0).deadLetters("none");
      bench.awaitDone(6);
      bench.publish(3, 2);
      bench.awaitDone(12);
      assertThat(consumer.status().reason()).isEmpty();
    }
  }

  @Test
  void two_of_a_group_share_the_partitions_and_one_takes_over_when_the_other_ends()
      throws Exception {
    bench.publish(9, 10);
    try (RelayedConsumer first = bench.consumer(ConsumerBench::work).start()) {
      try (RelayedConsumer second = bench.consumer(ConsumerBench::work).start()) {
        await()
            .atMost(ConsumerBench.PATIENCE)
            .until(
                () ->
                    !first.status().partitions().isEmpty()
                        && !second.status().partitions().isEmpty()
                        && first.status().partitions().size() + second.status().partitions().size()
                            == ConsumerBench.PARTITIONS);
        bench.publish(9, 10);
        bench.awaitDone(180);
      }
      bench.publish(9, 10);
      bench.awaitDone(270);
    }

    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_record_that_keeps_failing_stops_its_partition_behind_what_was_before_it_and_no_other()
      throws Exception {
    bench.publish(12, 10);
    TopicPartition partition =
        new TopicPartition(bench.topic, ConsumerBench.partitionOf("order-0"));
    Map<Integer, List<Long>> expected = bench.expected();
    try (RelayedConsumer consumer = bench.consumer(this::workOrFail).retries(3).start()) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> stopped(consumer, partition));
      PartitionStatus status = consumer.status().partitions().get(partition);
      assertThat(status.attempts()).isEqualTo(4);
      assertThat(status.failure()).hasValueSatisfying(why -> assertThat(why).contains("the fifth"));
      int others =
          expected.entrySet().stream()
              .filter(each -> each.getKey() != partition.partition())
              .mapToInt(each -> each.getValue().size())
              .sum();
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () -> bench.count() == others + beforeTheFifth(expected.get(partition.partition())));

      healed.set(true);
      consumer.resume();
      bench.awaitDone(120);
      await().atMost(ConsumerBench.PATIENCE).until(() -> !stopped(consumer, partition));
    }

    assertThat(bench.done()).isEqualTo(expected);
  }

  private int beforeTheFifth(List<Long> positions) {
    long fifth =
        bench.stored().stream()
            .filter(event -> event.stream().toString().equals("order-0") && event.version() == 5)
            .findFirst()
            .orElseThrow()
            .position()
            .value();
    return positions.indexOf(fifth);
  }

  private static boolean stopped(RelayedConsumer consumer, TopicPartition partition) {
    PartitionStatus status = consumer.status().partitions().get(partition);
    return status != null && status.isStopped();
  }

  @Test
  void a_record_that_keeps_failing_is_set_aside_and_comes_back_once() throws Exception {
    String deadLetters = bench.topic + "-dead";
    bench.createTopic(deadLetters, 1);
    bench.publish(3, 10);
    try (RelayedConsumer consumer =
        bench.consumer(this::workOrFail).retries(2).deadLetters(deadLetters).start()) {
      bench.awaitDone(29);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 29);
      assertThat(consumer.status().deadLetters()).isEqualTo(1);
    }

    ConsumerRecord<byte[], byte[]> letter = read(deadLetters, 1).get(0);
    ConsumerRecord<byte[], byte[]> original = DeadLetters.original(letter);
    ConsumerRecord<byte[], byte[]> sent =
        read(bench.topic, 30).stream()
            .filter(record -> record.partition() == original.partition())
            .filter(record -> record.offset() == original.offset())
            .findFirst()
            .orElseThrow();
    assertThat(header(letter, "dl_topic")).isEqualTo(bench.topic);
    assertThat(header(letter, "dl_group")).isEqualTo(bench.inbox.group());
    assertThat(header(letter, "dl_exception")).isEqualTo(IllegalStateException.class.getName());
    assertThat(header(letter, "dl_message")).isEqualTo("the fifth");
    assertThat(header(letter, "dl_attempts")).isEqualTo("3");
    assertThat(original.timestamp()).isEqualTo(sent.timestamp());
    assertThat(original.key()).isEqualTo(sent.key());
    assertThat(original.value()).isEqualTo(sent.value());
    assertThat(headers(original)).isEqualTo(headers(sent));
    assertThat(ConsumerBench.DECODER.decode(original).orElseThrow().event().version()).isEqualTo(5);

    // As if the consumer had been killed before its mark was moved: it is there twice.
    sendAgain(deadLetters, letter);
    healed.set(true);
    WatermarkInbox replays =
        WatermarkInbox.builder("replays-of-" + bench.topic, ConsumerBench.DECODER)
            .rules(SequenceRules.exact().allowingHoles())
            .build();
    try (RelayedConsumer replay =
        RelayedConsumer.builder(bench.kafka(), bench.pool, replays, this::workOrFail)
            .topics(deadLetters)
            .replayDeadLettersOf(bench.inbox.group())
            .start()) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> replay.status().repeated() == 1);
      assertThat(replay.status().handled()).isEqualTo(1);
    }
    assertThat(bench.count()).isEqualTo(30);
    assertThat(bench.done().values().stream().flatMap(List::stream).distinct()).hasSize(30);
  }

  private void sendAgain(String topic, ConsumerRecord<byte[], byte[]> record) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer
          .send(
              new ProducerRecord<>(
                  topic, record.partition(), record.key(), record.value(), record.headers()))
          .get();
    }
  }

  private List<ConsumerRecord<byte[], byte[]>> read(String topic, int atLeast) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> reader = bench.reader("read_committed")) {
      List<TopicPartition> all =
          reader.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      reader.assign(all);
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () -> {
                reader.poll(Duration.ofMillis(100)).forEach(records::add);
                return records.size() >= atLeast;
              });
    }
    return records;
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    return new String(record.headers().lastHeader(name).value(), UTF_8);
  }

  private static List<String> headers(ConsumerRecord<byte[], byte[]> record) {
    return StreamSupport.stream(record.headers().spliterator(), false)
        .map(header -> header.key() + "=" + new String(header.value(), UTF_8))
        .toList();
  }

  @Test
  void a_connection_that_breaks_is_no_attempt_of_the_record() throws Exception {
    bench.publish(3, 10);
    AtomicInteger broken = new AtomicInteger();
    try (RelayedConsumer consumer =
        bench
            .consumer(
                batch -> {
                  ConsumerBench.work(batch);
                  if (broken.incrementAndGet() <= 5) {
                    try (Statement statement = batch.connection().createStatement()) {
                      statement.execute("select pg_terminate_backend(pg_backend_pid())");
                    }
                  }
                })
            .retries(0)
            .start()) {
      bench.awaitDone(30);
      assertThat(consumer.status().partitions().values()).noneMatch(PartitionStatus::isStopped);
    }

    assertThat(broken).hasValueGreaterThan(5);
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_foreign_record_stops_its_partition_or_is_skipped() throws Exception {
    bench.publish(1, 3);
    TopicPartition partition =
        new TopicPartition(bench.topic, ConsumerBench.partitionOf("order-0"));
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bench.broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer
          .send(
              new ProducerRecord<>(
                  bench.topic, partition.partition(), new byte[0], "hello".getBytes(UTF_8)))
          .get();
    }
    bench.publish(1, 3);
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> stopped(consumer, partition));
      assertThat(bench.count()).isEqualTo(3);
    }
    WatermarkInbox skipping =
        WatermarkInbox.builder(bench.inbox.group(), ConsumerBench.DECODER.skippingForeign())
            .build();
    try (RelayedConsumer consumer =
        RelayedConsumer.builder(bench.kafka(), bench.pool, skipping, ConsumerBench::work)
            .topics(bench.topic)
            .start()) {
      bench.awaitDone(6);
      assertThat(consumer.status().reason()).isEmpty();
    }

    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void the_relay_and_its_consumer_work_at_the_same_time() throws Exception {
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start();
        KafkaRelay relay =
            ConsumerBench.relay(bench.store, bench.broker.bootstrap(), bench.topic).start()) {
      for (int append = 0; append < 50; append++) {
        bench.append("order-" + append % 7, 3);
      }
      bench.awaitDone(150);
      assertThat(consumer.status().repeated()).isZero();
      await().atMost(ConsumerBench.PATIENCE).until(() -> relay.status().eventsSent() == 150);
    }

    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void options_that_contradict_each_other_are_refused() {
    var nothing =
        RelayedConsumer.builder(bench.kafka(), bench.pool, bench.inbox, ConsumerBench::work);
    assertThatThrownBy(nothing::start).isInstanceOf(IllegalArgumentException.class);
    var ownLetters = bench.consumer(ConsumerBench::work).replayDeadLettersOf(bench.inbox.group());
    assertThatThrownBy(ownLetters::start).isInstanceOf(IllegalArgumentException.class);
    var exact = bench.consumer(ConsumerBench::work).replayDeadLettersOf("another");
    assertThatThrownBy(exact::start)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("holes");
  }
}
