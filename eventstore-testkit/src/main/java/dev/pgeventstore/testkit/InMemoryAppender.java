package dev.pgeventstore.testkit;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Condition;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.AppendNews;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Decides whether an append is written, is a retry of one that was written, or is refused. */
final class InMemoryAppender implements Outbox {

  private final EventCodec codec;
  private final @Nullable StoreListener listener;
  private final InMemoryLog log;
  private final Monitor monitor;
  private final JsonEquality json = new JsonEquality();

  InMemoryAppender(
      EventCodec codec, @Nullable StoreListener listener, InMemoryLog log, Monitor monitor) {
    this.codec = codec;
    this.listener = listener;
    this.log = log;
    this.monitor = monitor;
  }

  AppendResult append(Append append) {
    Map<StreamId, List<CheckedEvent>> contents = encode(append);
    checkSizes(append.messages());
    AppendNews news = AppendNews.of(listener, append, System::nanoTime);
    if (news == null) {
      return monitor.read(() -> append(append, contents));
    }
    AppendResult result;
    try {
      news.sending();
      result = monitor.read(() -> append(append, contents));
    } catch (RuntimeException e) {
      news.failed(e);
      throw e;
    }
    news.committed(result);
    return result;
  }

  private AppendResult append(Append append, Map<StreamId, List<CheckedEvent>> contents) {
    append.events().values().forEach(events -> events.forEach(NewEvent::sending));
    Map<StreamId, Long> stored = whereStored(append, contents);
    if (stored.keySet().equals(append.events().keySet()) && !stored.containsValue(0L)) {
      return replayed(append, stored);
    }
    if (!stored.isEmpty()) {
      throw reused(append, stored);
    }
    List<Conflict> conflicts = unmet(append);
    if (!conflicts.isEmpty()) {
      throw new ConflictException(conflicts);
    }
    return log.write(contents, append.messages());
  }

  @Override
  public Position publish(List<OutboxMessage> toPublish) {
    List<OutboxMessage> copy = List.copyOf(toPublish);
    if (copy.isEmpty()) {
      throw new IllegalArgumentException("no messages to publish");
    }
    checkSizes(copy);
    return log.write(copy);
  }

  private static void checkSizes(List<OutboxMessage> messages) {
    for (int i = 0; i < messages.size(); i++) {
      OutboxMessage message = messages.get(i);
      if (message.bytes() > InMemoryEventStore.MAX_EVENT_BYTES) {
        throw new IllegalArgumentException(
            "message %d of %d (%s) cannot be stored: it takes %d bytes, at most %d are allowed"
                .formatted(
                    i + 1,
                    messages.size(),
                    message,
                    message.bytes(),
                    InMemoryEventStore.MAX_EVENT_BYTES));
      }
    }
  }

  private Map<StreamId, List<CheckedEvent>> encode(Append append) {
    Map<StreamId, List<CheckedEvent>> contents = new LinkedHashMap<>();
    append
        .events()
        .forEach(
            (stream, events) -> {
              List<CheckedEvent> ofStream = new ArrayList<>();
              for (NewEvent event : events) {
                ofStream.add(CheckedEvent.of(event, stream, ofStream.size() + 1, codec));
              }
              contents.put(stream, ofStream);
            });
    return contents;
  }

  /**
   * The streams of this append in which its ids are found, each with the last version that the
   * append had there; 0 if it was not the same append.
   */
  private Map<StreamId, Long> whereStored(
      Append append, Map<StreamId, List<CheckedEvent>> contents) {
    Map<StreamId, Long> stored = new HashMap<>();
    for (Condition condition : append.conditions()) {
      if (condition instanceof Condition.StreamVersion version) {
        List<NewEvent> events = append.events().getOrDefault(version.stream(), List.of());
        Set<UUID> ids = events.stream().map(NewEvent::id).collect(Collectors.toSet());
        List<RecordedEvent> stream = log.stream(version.stream());
        int place = place(version.expected(), events, ids, stream);
        List<RecordedEvent> there =
            stream.subList(
                Math.min(place, stream.size()), Math.min(place + events.size(), stream.size()));
        if (there.stream().anyMatch(event -> ids.contains(event.id()))) {
          boolean same = isSame(contents.getOrDefault(version.stream(), List.of()), there);
          stored.put(version.stream(), same ? (long) place + events.size() : 0L);
        }
      }
    }
    return stored;
  }

  /** How many events stand before the first of these events, if these are stored at all. */
  private static int place(
      ExpectedVersion expected, List<NewEvent> events, Set<UUID> ids, List<RecordedEvent> stream) {
    OptionalLong only = expected.onlyVersion();
    if (only.isPresent()) {
      return (int) Math.min(only.getAsLong(), stream.size());
    }
    if (events.stream().anyMatch(NewEvent::mayBeStored)) {
      for (int i = 0; i < stream.size(); i++) {
        if (ids.contains(stream.get(i).id())) {
          return i;
        }
      }
    }
    return stream.size();
  }

  private boolean isSame(List<CheckedEvent> contents, List<RecordedEvent> there) {
    if (contents.size() != there.size()) {
      return false;
    }
    for (int i = 0; i < there.size(); i++) {
      CheckedEvent content = contents.get(i);
      RecordedEvent event = there.get(i);
      if (!content.id.equals(event.id())
          || !content.encoded.type().equals(event.type())
          || !json.equal(content.encoded.dataUtf8(), event.encoded().dataUtf8())) {
        return false;
      }
    }
    return true;
  }

  private AppendResult replayed(Append append, Map<StreamId, Long> stored) {
    Position last = append.messages().isEmpty() ? Position.START : log.highWaterMark();
    Map<StreamId, AppendResult.Part> parts = new HashMap<>();
    for (Map.Entry<StreamId, Long> entry : stored.entrySet()) {
      StreamId stream = entry.getKey();
      RecordedEvent event = log.stream(stream).get((int) (entry.getValue() - 1));
      int events = append.events().getOrDefault(stream, List.of()).size();
      parts.put(stream, AppendResult.Part.of(entry.getValue(), events, event.id()));
      last = event.position().isAfter(last) ? event.position() : last;
    }
    return AppendResult.of(last, parts, true, log.incarnation());
  }

  private static EventIdReusedException reused(Append append, Map<StreamId, Long> stored) {
    StreamId stream =
        append.events().keySet().stream()
            .filter(id -> stored.getOrDefault(id, 1L) == 0)
            .findFirst()
            .orElseGet(() -> stored.keySet().iterator().next());
    return new EventIdReusedException(
        stream,
        ("stream %s has events with these ids already, but not these events at this place: a retry"
                + " must bring the same events in the same order; nothing was written")
            .formatted(stream));
  }

  private List<Conflict> unmet(Append append) {
    List<Conflict> conflicts = new ArrayList<>();
    for (Condition condition : append.conditions()) {
      if (condition instanceof Condition.StreamVersion version) {
        long actual = log.stream(version.stream()).size();
        if (!version.expected().isMetBy(actual)) {
          conflicts.add(Conflict.StreamVersion.of(version.stream(), version.expected(), actual));
        }
      }
    }
    return conflicts;
  }
}
