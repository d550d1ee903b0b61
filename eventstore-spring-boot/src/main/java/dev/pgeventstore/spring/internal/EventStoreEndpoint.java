package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.spring.internal.RunningParts.Part;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;

/**
 * What runs, and what it has parked. Without {@code
 * management.endpoint.eventstore.access=unrestricted} it only reads. Each call waits for the
 * database.
 */
@Endpoint(id = "eventstore", defaultAccess = Access.READ_ONLY)
public final class EventStoreEndpoint {

  /** How many parked events are listed. */
  private static final int LISTED = 100;

  private final EventStore store;
  private final RunningParts running;

  EventStoreEndpoint(EventStore store, RunningParts running) {
    this.store = store;
    this.running = running;
  }

  /**
   * What each part does.
   *
   * @return by the name of its bean
   */
  @ReadOperation
  public Map<String, Object> status() {
    Map<String, Object> parts = new LinkedHashMap<>();
    for (Map.Entry<String, Part> each : running.all().entrySet()) {
      parts.put(each.getKey(), each.getValue().details());
    }
    return Map.of("highWaterMark", store.highWaterMark().value(), "running", parts);
  }

  /**
   * The first events that a part has parked.
   *
   * @param name of the bean
   * @return null if no subscription or projection of this name runs
   */
  @ReadOperation
  public @Nullable Map<String, Object> parked(@Selector String name) {
    ParkedEvents parked = parkedOf(name);
    return parked == null
        ? null
        : Map.of("count", parked.count(), "first", described(parked.list(LISTED)));
  }

  /**
   * Has the parked events of a part handled again.
   *
   * @param name of the bean
   * @return null if no subscription or projection of this name runs
   */
  @WriteOperation
  public @Nullable Map<String, Object> replay(@Selector String name) {
    ParkedEvents parked = parkedOf(name);
    if (parked == null) {
      return null;
    }
    ParkedEvents.Replay replay = parked.replay();
    return Map.of("handled", replay.handled(), "failed", described(replay.failed()));
  }

  /**
   * Gives up a parked event.
   *
   * @param name of the bean
   * @param position of the event
   * @param reason which is kept
   * @return null if no subscription or projection of this name runs
   */
  @DeleteOperation
  public @Nullable Map<String, Object> discard(
      @Selector String name, long position, String reason) {
    ParkedEvents parked = parkedOf(name);
    return parked == null
        ? null
        : Map.of("discarded", parked.discard(Position.of(position), reason));
  }

  private @Nullable ParkedEvents parkedOf(String name) {
    return running.subscription(name).map(subscription -> subscription.parked()).orElse(null);
  }

  private static List<Map<String, Object>> described(List<ParkedEvent> events) {
    return events.stream().map(EventStoreEndpoint::described).toList();
  }

  private static Map<String, Object> described(ParkedEvent event) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("stream", event.stream().toString());
    details.put("version", event.version());
    details.put("position", event.position().value());
    details.put("attempts", event.attempts());
    details.put("parkedAt", event.parkedAt());
    event.error().ifPresent(error -> details.put("error", error));
    return details;
  }
}
