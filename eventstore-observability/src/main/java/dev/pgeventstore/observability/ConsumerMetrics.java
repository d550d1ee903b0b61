package dev.pgeventstore.observability;

import dev.pgeventstore.kafka.consumer.ConsumerStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.State;
import dev.pgeventstore.kafka.consumer.RelayedConsumer;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * Meters of one consumer of relayed records, {@code eventstore.consumer…}, with the tag {@code
 * group}. Needs {@code eventstore-kafka-relay}.
 *
 * <p>They are read from {@link RelayedConsumer#status()}, which is in memory: reading a meter waits
 * for neither the database nor Kafka. Of a consumer that was closed, the gauges are {@code NaN}.
 * Safe for many threads.
 */
public final class ConsumerMetrics implements MeterBinder, AutoCloseable {

  private final Supplier<ConsumerStatus> status;
  private final String group;
  private final List<Tag> tags;
  private final Queue<RegisteredMeters> bound = new ConcurrentLinkedQueue<>();

  private ConsumerMetrics(Supplier<ConsumerStatus> status, String group, List<Tag> tags) {
    this.status = status;
    this.group = group;
    this.tags = tags;
  }

  /**
   * Meters that are registered nowhere yet.
   *
   * @param group of the consumer
   * @param consumer whose status is read
   * @param tags of every meter, besides {@code group}
   * @return the binder
   */
  public static ConsumerMetrics of(String group, RelayedConsumer consumer, Tag... tags) {
    return of(group, consumer::status, tags);
  }

  static ConsumerMetrics of(String group, Supplier<ConsumerStatus> status, Tag... tags) {
    return new ConsumerMetrics(status, group, List.of(tags));
  }

  /**
   * Registers the meters. May be called for several registries, and once for each.
   *
   * @param registry where to
   */
  @Override
  public void bindTo(MeterRegistry registry) {
    RegisteredMeters to = new RegisteredMeters(registry, tags);
    bound.add(to);
    gauge(to, "healthy", "1 if it is healthy, 0 if an operator should look at it", this::healthy);
    gauge(to, "partitions", "Partitions that it has", this::partitions);
    gauge(to, "stopped", "Partitions that have stopped at a record", this::stopped);
    to.seconds(
        "eventstore.consumer.behind",
        "For how long a partition has had records of which none was handled",
        this,
        consumer -> consumer.unlessClosed(this::secondsBehind),
        "group",
        group);
    total(to, "handled", "Records that were handled", ConsumerStatus::handled);
    total(to, "repeated", "Records that had been handled before", ConsumerStatus::repeated);
    total(to, "dead.letters", "Records that were set aside", ConsumerStatus::deadLetters);
  }

  private void gauge(
      RegisteredMeters to,
      String what,
      String description,
      ToDoubleFunction<ConsumerStatus> value) {
    to.gauge(
        "eventstore.consumer." + what,
        description,
        this,
        consumer -> consumer.unlessClosed(value),
        "group",
        group);
  }

  private void total(
      RegisteredMeters to,
      String what,
      String description,
      ToDoubleFunction<ConsumerStatus> value) {
    to.counter(
        "eventstore.consumer." + what,
        description,
        this,
        consumer -> value.applyAsDouble(consumer.status.get()),
        "group",
        group);
  }

  private double unlessClosed(ToDoubleFunction<ConsumerStatus> value) {
    ConsumerStatus now = status.get();
    return now.state() == State.CLOSED ? Double.NaN : value.applyAsDouble(now);
  }

  private double healthy(ConsumerStatus now) {
    return now.isHealthy() ? 1 : 0;
  }

  private double partitions(ConsumerStatus now) {
    return now.partitions().size();
  }

  private double stopped(ConsumerStatus now) {
    return now.partitions().values().stream().filter(PartitionStatus::isStopped).count();
  }

  private double secondsBehind(ConsumerStatus now) {
    return WatchedSubscription.seconds(
        now.partitions().values().stream()
            .map(PartitionStatus::standsFor)
            .max(Duration::compareTo)
            .orElse(Duration.ZERO));
  }

  /** Removes the meters from their registries. */
  @Override
  public void close() {
    bound.forEach(RegisteredMeters::remove);
    bound.clear();
  }
}
