package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever a handler throws is about its record, and no end of a consumer. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class HandlerErrorsTest {

  private static final String SICK = "order-0";

  private ConsumerBench bench;
  private TopicPartition partition;
  private final AtomicBoolean healed = new AtomicBoolean();
  private final AtomicInteger failures = new AtomicInteger();

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
    partition = new TopicPartition(bench.topic, ConsumerBench.partitionOf(SICK));
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** What a handler throws. */
  enum Thrown {
    ASSERTION(new AssertionError("thrown")),
    STACK_OVERFLOW(new StackOverflowError("thrown")),
    MISSING_CLASS(new NoClassDefFoundError("thrown")),
    ERROR(new Error("thrown")),
    INTERRUPT(new InterruptedException("thrown")),
    RING(ring()),
    SPEECHLESS(new Speechless());

    private final Throwable failure;

    Thrown(Throwable failure) {
      this.failure = failure;
    }

    private static Throwable ring() {
      IllegalStateException first = new IllegalStateException("thrown");
      first.initCause(new IllegalArgumentException("because of the other", first));
      return first;
    }
  }

  /** It cannot even say what it is. */
  private static final class Speechless extends RuntimeException {
    private static final long serialVersionUID = 1L;

    @Override
    public String getMessage() {
      throw new IllegalStateException("no message can be made");
    }
  }

  /** Fails at the third event of the sick stream, until it is healed. */
  private RelayedHandler failing(Throwable failure) {
    return batch -> {
      for (RelayedRecord record : batch) {
        RecordedEvent event = record.event();
        if (event.stream().toString().equals(SICK) && event.version() == 3 && !healed.get()) {
          failures.incrementAndGet();
          Thread.currentThread().interrupt();
          raise(failure);
        }
      }
      ConsumerBench.work(batch);
    };
  }

  private static void raise(Throwable failure) throws Exception {
    if (failure instanceof Error error) {
      throw error;
    }
    throw (Exception) failure;
  }

  @ParameterizedTest
  @EnumSource
  void whatever_a_handler_throws_is_an_attempt_of_its_record_which_is_set_aside(Thrown thrown)
      throws Exception {
    String deadLetters = bench.topic + "-dead";
    bench.createTopic(deadLetters, 1);
    bench.publish(6, 5);
    try (RelayedConsumer consumer =
        bench.consumer(failing(thrown.failure)).retries(2).deadLetters(deadLetters).start()) {
      bench.awaitDone(29);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().deadLetters() == 1);
      bench.publish(6, 1);
      bench.awaitDone(35);
      assertThat(consumer.status().state()).isEqualTo(State.RUNNING);
    }
    // Once with the others, and three times alone.
    assertThat(failures).hasValueBetween(3, 4);
  }

  @ParameterizedTest
  @EnumSource
  void without_a_dead_letter_topic_it_stops_its_partition_and_no_consumer_of_the_group(
      Thrown thrown) throws Exception {
    bench.publish(6, 5);
    int others = others();
    try (RelayedConsumer first = bench.consumer(failing(thrown.failure)).retries(1).start();
        RelayedConsumer second = bench.consumer(failing(thrown.failure)).retries(1).start()) {
      // The partition may still go from one to the other.
      await()
          .atMost(ConsumerBench.PATIENCE)
          .untilAsserted(
              () -> {
                PartitionStatus status = statusOf(first, second);
                assertThat(status).isNotNull();
                assertThat(status.isStopped()).isTrue();
                assertThat(status.attempts()).isEqualTo(2);
                assertThat(status.failure().orElseThrow())
                    .contains(thrown.failure.getClass().getName());
              });
      bench.awaitDone(others + beforeTheThird());
      assertThat(first.status().state()).isEqualTo(State.RUNNING);
      assertThat(second.status().state()).isEqualTo(State.RUNNING);

      healed.set(true);
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () -> {
                first.resume();
                second.resume();
                return bench.count() >= 30;
              });
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_virtual_machine_out_of_memory_stops_the_partition_and_sets_nothing_aside()
      throws Exception {
    String deadLetters = bench.topic + "-dead";
    bench.createTopic(deadLetters, 1);
    bench.publish(6, 5);
    int others = others();
    try (RelayedConsumer consumer =
        bench
            .consumer(failing(new OutOfMemoryError("on purpose")))
            .retries(3)
            .deadLetters(deadLetters)
            .start()) {
      await().atMost(ConsumerBench.PATIENCE).until(() -> isStopped(consumer));
      bench.awaitDone(others);
      ConsumerStatus status = consumer.status();
      assertThat(status.state()).isEqualTo(State.RUNNING);
      assertThat(status.deadLetters()).isZero();
      assertThat(status.partitions().get(partition).failure().orElseThrow())
          .contains("OutOfMemoryError");
      assertThat(failures).hasValue(1);

      healed.set(true);
      consumer.resume();
      bench.awaitDone(30);
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  private @Nullable PartitionStatus statusOf(RelayedConsumer... consumers) {
    for (RelayedConsumer consumer : consumers) {
      PartitionStatus status = consumer.status().partitions().get(partition);
      if (status != null) {
        return status;
      }
    }
    return null;
  }

  private boolean isStopped(RelayedConsumer consumer) {
    PartitionStatus status = consumer.status().partitions().get(partition);
    return status != null && status.isStopped();
  }

  private int others() {
    return bench.expected().entrySet().stream()
        .filter(each -> each.getKey() != partition.partition())
        .mapToInt(each -> each.getValue().size())
        .sum();
  }

  private int beforeTheThird() {
    long third =
        bench.stored().stream()
            .filter(event -> event.stream().toString().equals(SICK) && event.version() == 3)
            .findFirst()
            .orElseThrow()
            .position()
            .value();
    return bench.expected().get(partition.partition()).indexOf(third);
  }
}
