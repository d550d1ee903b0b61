package dev.pgeventstore.spring.internal;

import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.spring.Running;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.springframework.util.ClassUtils;

/** What runs with the application, by the names of the beans. Asks the database. */
final class RunningParts {

  private static final boolean RELAYS =
      ClassUtils.isPresent(
          "dev.pgeventstore.kafka.KafkaRelay", RunningParts.class.getClassLoader());

  @SuppressWarnings("rawtypes")
  private final Supplier<Map<String, Running>> beans;

  @SuppressWarnings("rawtypes")
  RunningParts(Supplier<Map<String, Running>> beans) {
    this.beans = beans;
  }

  /** A subscription, a projection or a relay. */
  record Part(boolean healthy, Map<String, Object> details) {

    private static final Part UNKNOWN = new Part(true, Map.of());
  }

  /** Each that has a status. */
  Map<String, Part> all() {
    Map<String, Part> parts = new LinkedHashMap<>();
    beans
        .get()
        .forEach(
            (name, running) -> {
              Part part = part(running);
              if (!part.details.isEmpty()) {
                parts.put(name, part);
              }
            });
    return parts;
  }

  /**
   * A subscription, or that of a projection.
   *
   * @return empty if it does not run, or is something else
   */
  Optional<Subscription> subscription(String name) {
    Running<?> running = beans.get().get(name);
    return running == null || !running.isRunning() ? Optional.empty() : subscription(running.get());
  }

  private static Optional<Subscription> subscription(AutoCloseable what) {
    if (what instanceof Subscription subscription) {
      return Optional.of(subscription);
    }
    return what instanceof Projection projection
        ? Optional.of(projection.subscription())
        : Optional.empty();
  }

  private static Part part(Running<?> running) {
    if (!running.isRunning()) {
      return new Part(false, Map.of("state", "not running"));
    }
    AutoCloseable what = running.get();
    Optional<Subscription> subscription = subscription(what);
    if (subscription.isPresent()) {
      return of(subscription.get().status());
    }
    return RELAYS ? Relays.part(what) : Part.UNKNOWN;
  }

  private static Part of(SubscriptionStatus status) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("state", status.state());
    details.put("position", status.position().value());
    details.put("lag", status.lag());
    details.put("parked", status.parked());
    status.complaint().ifPresent(complaint -> details.put("complaint", complaint));
    return new Part(status.isHealthy(), details);
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
      details.put("position", status.position().value());
      details.put("lag", status.lag());
      details.put("parkedStreams", status.parkedStreams());
      status.complaint().ifPresent(complaint -> details.put("complaint", complaint));
      return new Part(status.isHealthy(), details);
    }
  }
}
