package dev.pgeventstore.testkit;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The events and messages of a store, in their order. Safe for many threads. */
final class InMemoryLog {

  private final EventCodec codec;
  private final Clock clock;
  private final Monitor monitor;
  private final String incarnation = "memory-" + UUID.randomUUID();
  private final Map<StreamId, List<RecordedEvent>> streams = new HashMap<>();

  /** By position; null where a message stands. */
  private final List<@Nullable RecordedEvent> all = new ArrayList<>();

  private final List<RecordedMessage> messages = new ArrayList<>();

  InMemoryLog(EventCodec codec, Clock clock, Monitor monitor) {
    this.codec = codec;
    this.clock = clock;
    this.monitor = monitor;
  }

  /** Distinguishes this log from every other one, because a log is lost with its process. */
  String incarnation() {
    return incarnation;
  }

  /** With the resolution that the database has: microseconds. */
  Instant now() {
    return clock.instant().truncatedTo(ChronoUnit.MICROS);
  }

  Position highWaterMark() {
    return monitor.read(() -> Position.of(all.size()));
  }

  /** The events of a stream. Under the monitor only: the list is not a copy. */
  List<RecordedEvent> stream(StreamId stream) {
    return streams.getOrDefault(stream, List.of());
  }

  List<RecordedEvent> read(StreamId stream, StreamRange range) {
    return monitor.read(() -> within(stream(stream), range));
  }

  private static List<RecordedEvent> within(List<RecordedEvent> events, StreamRange range) {
    int first = (int) Math.min(range.first() - 1, events.size());
    int last = (int) Math.min(range.last(), events.size());
    if (first >= last) {
      return List.of();
    }
    int count = Math.min(range.limit(), last - first);
    List<RecordedEvent> found = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      found.add(events.get(range.isForwards() ? first + i : last - 1 - i));
    }
    return found;
  }

  EventPage page(Predicate<RecordedEvent> wanted, Position after, int limit) {
    return monitor.read(
        () -> {
          List<RecordedEvent> found = new ArrayList<>();
          long upTo = after.value();
          while (upTo < all.size() && found.size() < limit) {
            RecordedEvent event = all.get((int) upTo);
            if (event != null && wanted.test(event)) {
              found.add(event);
            }
            upTo++;
          }
          return EventPage.of(List.copyOf(found), Position.of(upTo), highWaterMark());
        });
  }

  /** The event at a position; empty if a message stands there, or nothing yet. */
  Optional<RecordedEvent> at(Position position) {
    return monitor.read(
        () ->
            position.value() < 1 || position.value() > all.size()
                ? Optional.empty()
                : Optional.ofNullable(all.get((int) position.value() - 1)));
  }

  /** The first event that was recorded at a time or later. */
  Optional<RecordedEvent> firstSince(Instant time) {
    return page(event -> !event.recordedAt().isBefore(time), Position.START, 1).events().stream()
        .findFirst();
  }

  /** The messages that were written for a relay. */
  List<RecordedMessage> messages(String relay) {
    return monitor.read(
        () -> messages.stream().filter(m -> m.message().relay().equals(relay)).toList());
  }

  /** Writes events, and messages after them. */
  AppendResult write(Map<StreamId, List<CheckedEvent>> contents, List<OutboxMessage> toPublish) {
    return monitor.change(
        () -> {
          Instant now = now();
          Map<StreamId, AppendResult.Part> parts = new HashMap<>();
          contents.forEach((id, events) -> parts.put(id, write(id, events, now)));
          write(toPublish, now);
          return AppendResult.of(Position.of(all.size()), parts, false, incarnation);
        });
  }

  private AppendResult.Part write(StreamId id, List<CheckedEvent> events, Instant now) {
    List<RecordedEvent> stream = streams.computeIfAbsent(id, unused -> new ArrayList<>());
    for (CheckedEvent event : events) {
      RecordedEvent recorded =
          StoredEvent.of(
              Position.of(all.size() + 1L),
              id,
              stream.size() + 1L,
              event.id,
              event.encoded,
              event.metadata,
              now,
              codec);
      stream.add(recorded);
      all.add(recorded);
    }
    return AppendResult.Part.of(stream.size(), events.size(), stream.get(stream.size() - 1).id());
  }

  /** Writes messages. */
  Position write(List<OutboxMessage> toPublish) {
    return monitor.change(
        () -> {
          write(toPublish, now());
          return Position.of(all.size());
        });
  }

  private void write(List<OutboxMessage> toPublish, Instant now) {
    for (OutboxMessage message : toPublish) {
      all.add(null);
      messages.add(RecordedMessage.of(Position.of(all.size()), message, now));
    }
  }
}
