package dev.pgeventstore.observability;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/** What has been registered in one registry, to be removed from it. Safe for many threads. */
final class RegisteredMeters {

  private static final Duration[] BUCKETS = {
    Duration.ofMillis(1),
    Duration.ofMillis(2),
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(25),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(250),
    Duration.ofMillis(500),
    Duration.ofSeconds(1),
    Duration.ofMillis(2_500),
    Duration.ofSeconds(10)
  };

  private final MeterRegistry registry;
  private final Tags common;
  private final Queue<Meter> meters = new ConcurrentLinkedQueue<>();

  RegisteredMeters(MeterRegistry registry, Iterable<Tag> common) {
    this.registry = registry;
    this.common = Tags.of(common);
  }

  /** A timer with buckets, so that quantiles over all processes can be computed. */
  Timer histogram(String name, String description, String... tags) {
    return kept(
        Timer.builder(name)
            .description(description)
            .tags(common.and(tags))
            .serviceLevelObjectives(BUCKETS)
            .register(registry));
  }

  Timer timer(String name, String description, String... tags) {
    return kept(
        Timer.builder(name).description(description).tags(common.and(tags)).register(registry));
  }

  DistributionSummary summary(String name, String description, String... tags) {
    return kept(
        DistributionSummary.builder(name)
            .description(description)
            .tags(common.and(tags))
            .register(registry));
  }

  Counter counter(String name, String description, String... tags) {
    return kept(
        Counter.builder(name).description(description).tags(common.and(tags)).register(registry));
  }

  /** A counter that something else counts. */
  <T> void counter(
      String name, String description, T source, ToDoubleFunction<T> value, String... tags) {
    kept(
        FunctionCounter.builder(name, source, value)
            .description(description)
            .tags(common.and(tags))
            .register(registry));
  }

  <T> void gauge(
      String name, String description, T source, ToDoubleFunction<T> value, String... tags) {
    kept(
        Gauge.builder(name, source, value)
            .description(description)
            .tags(common.and(tags))
            .strongReference(true)
            .register(registry));
  }

  <T> void seconds(
      String name, String description, T source, ToDoubleFunction<T> value, String... tags) {
    kept(
        TimeGauge.builder(name, source, TimeUnit.SECONDS, value)
            .description(description)
            .tags(common.and(tags))
            .strongReference(true)
            .register(registry));
  }

  private <M extends Meter> M kept(M meter) {
    meters.add(meter);
    return meter;
  }

  void remove() {
    meters.forEach(registry::remove);
  }
}
