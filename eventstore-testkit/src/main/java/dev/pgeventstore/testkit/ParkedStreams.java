package dev.pgeventstore.testkit;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.EventDiscardedException;
import dev.pgeventstore.subscription.EventParkedException;
import dev.pgeventstore.subscription.ParkedEvent;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The parked events of a subscription. Guarded by the store's monitor. */
final class ParkedStreams {

  private final TreeMap<Position, Aside> parked = new TreeMap<>();
  private final List<Discarded> discarded = new ArrayList<>();

  /** Parks an event. */
  ParkedEvent park(RecordedEvent event, int attempts, Optional<String> error, Instant now) {
    ParkedEvent description =
        new Parked(event.stream(), event.version(), event.position(), attempts, error, now);
    parked.put(event.position(), new Aside(event, description));
    return description;
  }

  Set<StreamId> streams() {
    return parked.values().stream().map(one -> one.event.stream()).collect(Collectors.toSet());
  }

  Collection<Aside> all() {
    return parked.values();
  }

  Optional<Aside> first(StreamId stream) {
    return parked.values().stream().filter(one -> one.event.stream().equals(stream)).findFirst();
  }

  void remove(Aside one) {
    parked.remove(one.event.position());
  }

  /** Counts one more attempt at an event. */
  ParkedEvent failedAgain(Aside one, String error) {
    return park(
        one.event, one.description.attempts() + 1, Optional.of(error), one.description.parkedAt());
  }

  boolean discard(Position position, String reason) {
    Aside one = parked.remove(position);
    if (one != null) {
      discarded.add(new Discarded(one.description, reason));
    }
    return one != null;
  }

  /** Requires that no event of an append was parked or discarded. */
  void requireApplied(String subscription, AppendResult append) {
    for (Aside one : parked.values()) {
      if (isOf(append, one.description)) {
        throw new EventParkedException(subscription, one.description);
      }
    }
    for (Discarded one : discarded) {
      if (isOf(append, one.description)) {
        throw new EventDiscardedException(subscription, one.description, one.reason);
      }
    }
  }

  /** For an append without streams, only the position is known. */
  private static boolean isOf(AppendResult append, ParkedEvent event) {
    if (append.versions().isEmpty()) {
      return event.position().equals(append.position());
    }
    AppendResult.Part part = append.parts().get(event.stream());
    return part != null
        && event.version() >= part.firstVersion()
        && event.version() <= part.version();
  }

  /**
   * A parked event.
   *
   * @param event the event to handle again
   * @param description the attempts, and the last error
   */
  record Aside(RecordedEvent event, ParkedEvent description) {}

  private record Discarded(ParkedEvent description, String reason) {}

  private record Parked(
      StreamId stream,
      long version,
      Position position,
      int attempts,
      Optional<String> error,
      Instant parkedAt)
      implements ParkedEvent {}
}
