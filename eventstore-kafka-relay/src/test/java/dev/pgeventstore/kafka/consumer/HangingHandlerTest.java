package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionState;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A handler that does not return keeps its own partition, and nothing else. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class HangingHandlerTest {

  private static final String SICK = "order-0";
  private static final Duration SOON = Duration.ofMillis(300);

  private ConsumerBench bench;
  private TopicPartition partition;
  private final CountDownLatch released = new CountDownLatch(1);
  private final AtomicInteger hanging = new AtomicInteger();

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
    partition = new TopicPartition(bench.topic, ConsumerBench.partitionOf(SICK));
    bench.publish(9, 10);
  }

  @AfterEach
  void close() {
    released.countDown();
    bench.close();
  }

  /** Writes, and hangs at the first record of the sick stream. */
  private void workAndHang(RelayedBatch batch) throws Exception {
    ConsumerBench.work(batch);
    if (batch.records().stream().anyMatch(this::isSick)) {
      hanging.incrementAndGet();
      released.await();
    }
  }

  private boolean isSick(RelayedRecord record) {
    return record.event().stream().toString().equals(SICK);
  }

  private int others() {
    return bench.expected().entrySet().stream()
        .filter(each -> each.getKey() != partition.partition())
        .mapToInt(each -> each.getValue().size())
        .sum();
  }

  private PartitionStatus status(RelayedConsumer consumer) {
    return consumer.status().partitions().get(partition);
  }

  @Test
  void the_other_partitions_go_on_and_status_and_health_say_where_it_hangs() throws Exception {
    try (RelayedConsumer consumer =
        bench.consumer(this::workAndHang).unhealthyAfter(SOON).start()) {
      bench.awaitDone(others());
      bench.publish(9, 1);
      bench.awaitDone(others());
      await().atMost(ConsumerBench.PATIENCE).until(() -> !consumer.status().isHealthy());

      ConsumerStatus status = consumer.status();
      assertThat(status.state()).isEqualTo(State.RUNNING);
      assertThat(status(consumer).state()).isEqualTo(PartitionState.RUNNING);
      assertThat(status(consumer).standsFor()).isGreaterThan(SOON);
      await()
          .atMost(ConsumerBench.PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(consumer.status().complaint().orElseThrow())
                      .contains(partition.toString())
                      .contains("in the handler")
                      .doesNotContain(";"));

      released.countDown();
      bench.awaitDone(99);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().isHealthy());
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void if_as_many_hang_as_there_are_threads_the_others_say_that_they_wait_for_one()
      throws Exception {
    RelayedHandler all =
        batch -> {
          ConsumerBench.work(batch);
          hanging.incrementAndGet();
          released.await();
        };
    try (RelayedConsumer consumer =
        bench.consumer(all).handlerThreads(2).unhealthyAfter(SOON).start()) {
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () ->
                  hanging.get() == 2
                      && consumer.status().partitions().values().stream()
                          .anyMatch(each -> each.state() == PartitionState.WAITING));
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(() -> consumer.status().complaint().orElse("").contains("handler threads"));

      released.countDown();
      bench.awaitDone(90);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().isHealthy());
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void another_consumer_of_the_group_gets_the_other_partitions_and_waits_for_this_one_alone()
      throws Exception {
    try (RelayedConsumer first = bench.consumer(this::workAndHang).unhealthyAfter(SOON).start()) {
      bench.awaitDone(others());
      await().atMost(ConsumerBench.PATIENCE).until(() -> hanging.get() > 0);
      try (RelayedConsumer second =
              bench.consumer(ConsumerBench::work).unhealthyAfter(SOON).start();
          RelayedConsumer third =
              bench.consumer(ConsumerBench::work).unhealthyAfter(SOON).start()) {
        List<RelayedConsumer> all = List.of(first, second, third);
        await()
            .atMost(ConsumerBench.PATIENCE)
            .until(() -> all.stream().allMatch(each -> each.status().partitions().size() == 1));
        bench.publish(9, 10);
        bench.awaitDone(others());
        // Whoever has the partition now says that it stands, and for whom if that is another one.
        await()
            .atMost(ConsumerBench.PATIENCE)
            .until(() -> all.stream().anyMatch(each -> !each.status().isHealthy()));
        RelayedConsumer owner =
            all.stream().filter(each -> status(each) != null).findFirst().orElseThrow();
        if (owner != first) {
          await().atMost(ConsumerBench.PATIENCE).until(() -> status(owner).waitsFor().isPresent());
          assertThat(status(owner).state()).isEqualTo(PartitionState.WAITING);
        }

        released.countDown();
        bench.awaitDone(180);
      }
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_handler_may_close_its_own_consumer() throws Exception {
    AtomicReference<RelayedConsumer> consumer = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    RelayedHandler closing =
        batch -> {
          started.await();
          consumer.get().close();
          ConsumerBench.work(batch);
        };
    consumer.set(bench.consumer(closing).start());
    started.countDown();
    await()
        .atMost(ConsumerBench.PATIENCE)
        .until(() -> consumer.get().status().state() == State.CLOSED);
    assertThat(consumer.get().status().reason()).isEmpty();
    int done = bench.count();
    assertThat(done).isPositive();

    try (RelayedConsumer next = bench.consumer(ConsumerBench::work).start()) {
      bench.awaitDone(90);
      assertThat(next.status().isHealthy()).isTrue();
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }
}
