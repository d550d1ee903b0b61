package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.kafka.consumer.ConsumerStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionState;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.observability.Figures.OfConsumer;
import dev.pgeventstore.observability.Figures.OfTopicPartition;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class ConsumerMetricsTest {

  private final MeterRegistry registry = new SimpleMeterRegistry();

  @Test
  void the_status_of_a_consumer_is_reported_until_it_is_closed() {
    AtomicReference<ConsumerStatus> status =
        new AtomicReference<>(
            new OfConsumer(
                State.RUNNING,
                Map.of(
                    new TopicPartition("orders", 0),
                    new OfTopicPartition(PartitionState.RUNNING, Duration.ZERO),
                    new TopicPartition("orders", 1),
                    new OfTopicPartition(PartitionState.STOPPED, Duration.ofSeconds(40)))));
    ConsumerMetrics metrics = ConsumerMetrics.of("mails", status::get);
    metrics.bindTo(registry);

    assertThat(of("healthy")).isZero();
    assertThat(of("partitions")).isEqualTo(2);
    assertThat(of("stopped")).isEqualTo(1);
    assertThat(of("behind")).isEqualTo(40);
    assertThat(total("handled")).isEqualTo(50);
    assertThat(total("repeated")).isEqualTo(4);
    assertThat(total("dead.letters")).isEqualTo(2);

    status.set(new OfConsumer(State.RUNNING, Map.of()));
    assertThat(of("healthy")).isEqualTo(1);
    assertThat(of("behind")).isZero();

    status.set(new OfConsumer(State.CLOSED, Map.of()));
    assertThat(of("healthy")).isNaN();
    assertThat(total("handled")).isEqualTo(50);
    metrics.close();
    assertThat(registry.getMeters()).isEmpty();
  }

  private double of(String what) {
    return registry.get("eventstore.consumer." + what).tag("group", "mails").gauge().value();
  }

  private double total(String what) {
    return registry
        .get("eventstore.consumer." + what)
        .tag("group", "mails")
        .functionCounter()
        .count();
  }
}
