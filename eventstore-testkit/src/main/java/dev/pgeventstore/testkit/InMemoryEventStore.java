package dev.pgeventstore.testkit;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Condition;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.internal.AppendNews;
import dev.pgeventstore.spi.Parts;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import dev.pgeventstore.spi.StoredEvent;
import java.sql.Connection;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An event store for tests, which keeps its events until it is garbage. Safe for use by many
 * threads.
 *
 * <p>It answers like the store on PostgreSQL does, as the contracts show for both. Appends are
 * settled when they return. There are no transactions to take part in, so {@link #within} is not
 * supported, and it runs no subscriptions: read with {@link #readPage}.
 */
public final class InMemoryEventStore implements EventStore {

  /** The most bytes that the data and metadata of one event may take. */
  public static final int MAX_EVENT_BYTES = 900 * 1024;

  private final EventCodec codec;
  private final Clock clock;
  private final JsonEquality json = new JsonEquality();
  private final Map<StreamId, List<RecordedEvent>> streams = new HashMap<>();

  /** By position; null where a message stands. */
  private final List<@Nullable RecordedEvent> all = new ArrayList<>();

  private final List<RecordedMessage> messages = new ArrayList<>();
  private final @Nullable StoreListener listener;
  private final Parts parts;

  private InMemoryEventStore(EventCodec codec, Clock clock, @Nullable StoreListener listener) {
    this.codec = codec;
    this.clock = clock;
    this.listener = listener;
    Outbox outbox = this::publish;
    this.parts = Parts.of(this, codec, new Kept(), outbox);
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    return parts.find(type);
  }

  /**
   * An empty store.
   *
   * @param codec of the events
   * @return the store
   */
  public static InMemoryEventStore of(EventCodec codec) {
    return of(codec, Clock.systemUTC());
  }

  /**
   * An empty store with a clock of the test's.
   *
   * @param codec of the events
   * @param clock for {@link RecordedEvent#recordedAt()}
   * @return the store
   */
  public static InMemoryEventStore of(EventCodec codec, Clock clock) {
    return new InMemoryEventStore(codec, clock, null);
  }

  /**
   * An empty store with a listener. It sends every append alone, so it tells of no batches.
   *
   * @param codec of the events
   * @param listener is told of every append
   * @return the store
   */
  public static InMemoryEventStore of(EventCodec codec, StoreListener listener) {
    return new InMemoryEventStore(codec, Clock.systemUTC(), listener);
  }

  @Override
  public AppendResult append(Append append) {
    Map<StreamId, List<CheckedEvent>> contents = encode(append);
    checkSizes(append.messages());
    AppendNews news = AppendNews.of(listener, append, System::nanoTime);
    if (news == null) {
      return append(append, contents);
    }
    AppendResult result;
    try {
      news.sending();
      result = append(append, contents);
    } catch (RuntimeException e) {
      news.failed(e);
      throw e;
    }
    news.committed(result);
    return result;
  }

  private AppendResult append(Append append, Map<StreamId, List<CheckedEvent>> contents) {
    synchronized (this) {
      append.events().values().forEach(events -> events.forEach(NewEvent::sending));
      Map<StreamId, Long> stored = whereStored(append, contents);
      if (stored.keySet().equals(append.events().keySet()) && !stored.containsValue(0L)) {
        return replayed(stored, !append.messages().isEmpty());
      }
      if (!stored.isEmpty()) {
        throw reused(append, stored);
      }
      List<Conflict> conflicts = unmet(append);
      if (!conflicts.isEmpty()) {
        throw new ConflictException(conflicts);
      }
      return write(contents, append.messages());
    }
  }

  private Position publish(List<OutboxMessage> toPublish) {
    List<OutboxMessage> copy = List.copyOf(toPublish);
    if (copy.isEmpty()) {
      throw new IllegalArgumentException("no messages to publish");
    }
    checkSizes(copy);
    synchronized (this) {
      write(copy, now());
      return Position.of(all.size());
    }
  }

  /**
   * The messages that wait for a relay: all that were written, since none runs.
   *
   * @param relay its name
   * @return in the order of positions
   */
  public synchronized List<RecordedMessage> messages(String relay) {
    return messages.stream().filter(m -> m.message().relay().equals(relay)).toList();
  }

  private static void checkSizes(List<OutboxMessage> messages) {
    for (int i = 0; i < messages.size(); i++) {
      OutboxMessage message = messages.get(i);
      if (message.bytes() > MAX_EVENT_BYTES) {
        throw new IllegalArgumentException(
            "message %d of %d (%s) cannot be stored: it takes %d bytes, at most %d are allowed"
                .formatted(i + 1, messages.size(), message, message.bytes(), MAX_EVENT_BYTES));
      }
    }
  }

  /** Appends at once: the future has completed already. */
  @Override
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    try {
      return CompletableFuture.completedFuture(append(append));
    } catch (EventStoreException e) {
      return CompletableFuture.failedFuture(e);
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
   * The written streams that have ids of this append where they would be looked for, with the last
   * version that the append had there; 0 if it is not the same append.
   */
  private Map<StreamId, Long> whereStored(
      Append append, Map<StreamId, List<CheckedEvent>> contents) {
    Map<StreamId, Long> stored = new HashMap<>();
    for (Condition condition : append.conditions()) {
      if (condition instanceof Condition.StreamVersion version) {
        List<NewEvent> events = append.events().getOrDefault(version.stream(), List.of());
        Set<UUID> ids = events.stream().map(NewEvent::id).collect(Collectors.toSet());
        List<RecordedEvent> stream = streamOf(version.stream());
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

  /** How many events stand before the first of these, if they are stored at all. */
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

  private AppendResult replayed(Map<StreamId, Long> stored, boolean withMessages) {
    Position last = withMessages ? Position.of(all.size()) : Position.START;
    for (Map.Entry<StreamId, Long> entry : stored.entrySet()) {
      Position position = streamOf(entry.getKey()).get((int) (entry.getValue() - 1)).position();
      last = position.isAfter(last) ? position : last;
    }
    return AppendResult.of(last, stored, true);
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
        long actual = streamOf(version.stream()).size();
        if (!version.expected().isMetBy(actual)) {
          conflicts.add(Conflict.StreamVersion.of(version.stream(), version.expected(), actual));
        }
      }
    }
    return conflicts;
  }

  /** With the resolution that the database has: microseconds. */
  private Instant now() {
    return clock.instant().truncatedTo(ChronoUnit.MICROS);
  }

  private void write(List<OutboxMessage> toPublish, Instant now) {
    for (OutboxMessage message : toPublish) {
      all.add(null);
      messages.add(RecordedMessage.of(Position.of(all.size()), message, now));
    }
  }

  private AppendResult write(
      Map<StreamId, List<CheckedEvent>> contents, List<OutboxMessage> toPublish) {
    Instant now = now();
    Map<StreamId, Long> versions = new HashMap<>();
    contents.forEach(
        (id, events) -> {
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
          versions.put(id, (long) stream.size());
        });
    write(toPublish, now);
    return AppendResult.of(Position.of(all.size()), versions, false);
  }

  private List<RecordedEvent> streamOf(StreamId stream) {
    return streams.getOrDefault(stream, List.of());
  }

  @Override
  public synchronized List<RecordedEvent> read(StreamId stream, StreamRange range) {
    List<RecordedEvent> events = streamOf(stream);
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

  @Override
  public synchronized EventPage readPage(EventQuery query, Position after, int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + limit);
    }
    List<RecordedEvent> found = new ArrayList<>();
    long upTo = after.value();
    while (upTo < all.size() && found.size() < limit) {
      RecordedEvent event = all.get((int) upTo);
      if (event != null && query.matches(event)) {
        found.add(event);
      }
      upTo++;
    }
    return EventPage.of(List.copyOf(found), Position.of(upTo), highWaterMark());
  }

  @Override
  public synchronized Position highWaterMark() {
    return Position.of(all.size());
  }

  /**
   * Not supported: there is no transaction to take part in.
   *
   * @param connection any
   * @return nothing
   * @throws UnsupportedOperationException always
   */
  @Override
  public EventStreams within(Connection connection) {
    throw new UnsupportedOperationException("events in memory know nothing of transactions");
  }

  /** Does nothing: the events can still be read. */
  @Override
  public void close() {}

  /** Snapshots, under the store's lock. */
  private final class Kept implements SnapshotHost {

    private final Map<StreamId, Map<String, Snapshot>> snapshots = new HashMap<>();

    @Override
    public SnapshotAndTail readWithSnapshot(
        StreamId stream, String name, int revision, long upTo, int limit) {
      synchronized (InMemoryEventStore.this) {
        Optional<Snapshot> snapshot =
            Optional.ofNullable(snapshots.getOrDefault(stream, Map.of()).get(name))
                .filter(kept -> kept.revision() == revision && kept.version() <= upTo);
        long version = snapshot.map(Snapshot::version).orElse(0L);
        return new Found(
            snapshot,
            version == upTo
                ? List.of()
                : read(stream, StreamRange.forwardsFrom(version + 1).upTo(upTo).limit(limit)));
      }
    }

    @Override
    public void keep(StreamId stream, Snapshot snapshot) {
      synchronized (InMemoryEventStore.this) {
        if (snapshot.version() <= streamOf(stream).size()) {
          snapshots
              .computeIfAbsent(stream, unused -> new HashMap<>())
              .merge(
                  snapshot.name(),
                  snapshot,
                  (kept, offered) -> offered.version() > kept.version() ? offered : kept);
        }
      }
    }
  }

  private record Found(Optional<Snapshot> snapshot, List<RecordedEvent> tail)
      implements SnapshotAndTail {}
}
