package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.spring.internal.RunningParts.Part;
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

/**
 * The health of the store, its subscriptions, projections and relays. The database is asked in a
 * thread of its own, one at a time, and only when a check is made: if it does not respond in time,
 * that is the answer.
 */
final class EventStoreHealthIndicator implements HealthIndicator {

  private final EventStore store;
  private final RunningParts running;
  private final EventStoreProperties.Health limits;
  private @Nullable Inquiry inquiry;

  EventStoreHealthIndicator(
      EventStore store, RunningParts running, EventStoreProperties.Health limits) {
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
    // Without a database, each part would wait for it once more.
    long mark = store.highWaterMark().value();
    Map<String, Part> parts = running.all();
    Map<String, Object> details = new LinkedHashMap<>();
    parts.forEach((name, part) -> details.put(name, part.details()));
    boolean healthy = parts.values().stream().allMatch(Part::healthy);
    return (healthy ? Health.up() : Health.down())
        .withDetail("highWaterMark", mark)
        .withDetail("running", details)
        .build();
  }
}
