package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.spring.Running;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.util.ClassUtils;

/**
 * The health of the store, its subscriptions, projections and relays. The database is asked in a
 * thread of its own, one at a time, and only if somebody wants to know: if it does not respond in
 * time, that is the answer.
 */
final class EventStoreHealthIndicator implements HealthIndicator {

  private static final boolean RELAYS =
      ClassUtils.isPresent(
          "dev.pgeventstore.kafka.KafkaRelay", EventStoreHealthIndicator.class.getClassLoader());

  private final EventStore store;
  private final Map<String, Running<?>> running;
  private final EventStoreProperties.Health limits;
  private @Nullable Inquiry inquiry;

  EventStoreHealthIndicator(
      EventStore store, Map<String, Running<?>> running, EventStoreProperties.Health limits) {
    this.store = store;
    this.running = running;
    this.limits = limits;
  }

  @Override
  public Health health() {
    Inquiry current = current();
    long patience = limits.timeout().toNanos() - current.age();
    try {
      return current.task.get(Math.max(0, patience), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      return Health.down()
          .withDetail(
              "database",
              "has not responded for %d ms".formatted(Duration.ofNanos(current.age()).toMillis()))
          .build();
    } catch (ExecutionException e) {
      return Health.down(e.getCause() == null ? e : e.getCause()).build();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Health.unknown().withDetail("interrupted", true).build();
    }
  }

  private synchronized Inquiry current() {
    if (inquiry == null || (inquiry.task.isDone() && inquiry.age() > limits.maxAge().toNanos())) {
      inquiry = new Inquiry(new FutureTask<>(this::ask), System.nanoTime());
      Thread thread = new Thread(inquiry.task, "eventstore-health");
      thread.setDaemon(true);
      thread.start();
    }
    return inquiry;
  }

  private record Inquiry(FutureTask<Health> task, long begun) {

    long age() {
      return System.nanoTime() - begun;
    }
  }

  private Health ask() {
    // Without a database, the rest would wait for it once more each.
    long mark = store.highWaterMark().value();
    Map<String, Object> parts = new LinkedHashMap<>();
    boolean healthy = true;
    for (Map.Entry<String, Running<?>> each : running.entrySet()) {
      Part part = part(each.getValue());
      healthy &= part.healthy;
      if (!part.details.isEmpty()) {
        parts.put(each.getKey(), part.details);
      }
    }
    Health.Builder health = healthy ? Health.up() : Health.down();
    return health.withDetail("highWaterMark", mark).withDetail("running", parts).build();
  }

  private static Part part(Running<?> bean) {
    if (!bean.isRunning()) {
      return new Part(false, Map.of("state", "not running"));
    }
    AutoCloseable what = bean.get();
    if (what instanceof Subscription subscription) {
      return of(subscription.status());
    }
    if (what instanceof Projection projection) {
      return of(projection.subscription().status());
    }
    return RELAYS ? Relays.part(what) : Part.UNKNOWN;
  }

  private static Part of(SubscriptionStatus status) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("state", status.state());
    details.put("lag", status.lag());
    details.put("parked", status.parked());
    status.complaint().ifPresent(complaint -> details.put("complaint", complaint));
    return new Part(status.isHealthy(), details);
  }

  private record Part(boolean healthy, Map<String, Object> details) {

    private static final Part UNKNOWN = new Part(true, Map.of());
  }

  /** A class of its own: the relay may be absent. */
  private static final class Relays {

    private static Part part(AutoCloseable what) {
      if (!(what instanceof KafkaRelay relay)) {
        return Part.UNKNOWN;
      }
      RelayStatus status = relay.status();
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("state", status.state());
      details.put("lag", status.lag());
      details.put("parkedStreams", status.parkedStreams());
      status.complaint().ifPresent(complaint -> details.put("complaint", complaint));
      return new Part(status.isHealthy(), details);
    }
  }
}
