package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.simulation.SimulatedDatabase.State;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The database as a node sees it: each call may fail, before it has done anything or after. */
final class SimulatedFeed implements EventFeed {

  private final SimulatedScheduler scheduler;
  private final Supplier<SimulatedDatabase> attached;
  private final Oracle oracle;

  /** How many calls there are to one that fails; 0 for none. */
  int breakOneIn;

  /**
   * @param attached the database that the node talks to now
   */
  SimulatedFeed(
      SimulatedScheduler scheduler,
      Supplier<SimulatedDatabase> attached,
      Oracle oracle,
      int breakOneIn) {
    this.scheduler = scheduler;
    this.attached = attached;
    this.oracle = oracle;
    this.breakOneIn = breakOneIn;
  }

  private interface Call<T> {
    T on(SimulatedDatabase database);
  }

  private <T> T call(Call<T> call) {
    scheduler.point();
    requireConnection();
    T answer = call.on(attached.get());
    scheduler.point();
    requireConnection();
    return answer;
  }

  private void requireConnection() {
    if (!attached.get().isUp() || scheduler.oneIn(breakOneIn)) {
      throw new EventStoreException("the database cannot be reached");
    }
  }

  private State state() {
    return attached.get().now();
  }

  @Override
  public FeedReader open(EventQuery query, Position after, Durability durability) {
    return new Reader(query, after.value());
  }

  @Override
  public Position highWaterMark() {
    return call(database -> Position.of(database.durableMark()));
  }

  @Override
  public Optional<RecordedEvent> eventAt(Position position) {
    return call(
        database ->
            Optional.ofNullable(state().items().get(position.value()))
                .filter(Item::isEvent)
                .map(Item::event));
  }

  @Override
  public Optional<RecordedEvent> lastUpTo(Position upTo) {
    return call(
        database ->
            state().items().headMap(upTo.value(), true).descendingMap().values().stream()
                .filter(Item::isEvent)
                .findFirst()
                .map(Item::event));
  }

  @Override
  public Map<Position, UUID> idsAt(Collection<Position> positions) {
    return call(
        database ->
            positions.stream()
                .distinct()
                .map(position -> state().items().get(position.value()))
                .filter(item -> item != null && item.isEvent())
                .collect(Collectors.toMap(item -> Position.of(item.position()), Item::id)));
  }

  @Override
  public String databaseId() {
    return call(SimulatedDatabase::id);
  }

  @Override
  public String incarnation() {
    return call(SimulatedDatabase::incarnation);
  }

  @Override
  public Optional<Position> find(AppendResult append) {
    throw new UnsupportedOperationException();
  }

  private static String key(String name, int partition) {
    return name + '/' + partition;
  }

  @Override
  public Optional<Lease> tryLease(String name, int partition, String owner, Duration ttl) {
    SimulatedDatabase.Lease row = call(d -> state().leases().get(key(name, partition)));
    if (row != null && !row.owner().equals(owner) && row.expires() > scheduler.nanoTime()) {
      return Optional.empty();
    }
    return Optional.of(seizeLease(name, partition, owner, ttl));
  }

  @Override
  public Lease seizeLease(String name, int partition, String owner, Duration ttl) {
    String key = key(name, partition);
    return call(
        database -> {
          SimulatedDatabase.Lease row = state().leases().get(key);
          long epoch = row == null ? 1 : row.epoch() + 1;
          long expires = scheduler.nanoTime() + ttl.toNanos();
          Map<String, String> notes = row == null ? Map.of() : row.notes();
          database.commit(
              state -> state.with(key, new SimulatedDatabase.Lease(owner, epoch, expires, notes)));
          scheduler.note("lease %s is of %s", key, owner);
          return new Held(key, partition, owner, epoch, ttl);
        });
  }

  @Override
  public Map<String, String> notes(String name, int partition) {
    return call(
        database -> {
          SimulatedDatabase.Lease row = state().leases().get(key(name, partition));
          return row == null ? Map.of() : row.notes();
        });
  }

  private Stream<Item> messagesOf(int lane, int lanes, long after, long upTo) {
    return state().items().subMap(after, false, upTo, true).values().stream()
        .filter(item -> !item.isEvent() && item.lane(lanes) == lane)
        .filter(item -> !state().deleted().contains(item.position()));
  }

  @Override
  public List<RecordedMessage> messages(
      String relay, int lane, int lanes, Position after, Position upTo, int limit) {
    return call(
        database ->
            messagesOf(lane, lanes, after.value(), Math.max(after.value(), upTo.value()))
                .limit(limit)
                .map(Item::message)
                .toList());
  }

  @Override
  public void deleteMessages(String relay, int lane, int lanes, Position upTo) {
    Object unused =
        call(
            database -> {
              Set<Long> gone =
                  messagesOf(lane, lanes, 0, upTo.value())
                      .map(Item::position)
                      .collect(Collectors.toSet());
              if (!gone.isEmpty()) {
                database.commit(state -> state.without(gone));
              }
              return gone;
            });
  }

  @Override
  public Position lastDrawn() {
    return call(database -> Position.of(database.lastDrawn()));
  }

  @Override
  public List<Blocker> blockers(Duration age) {
    return List.of();
  }

  /** A reader that ends with the incarnation of the server. */
  private final class Reader implements FeedReader {

    private final EventQuery query;
    private long position;
    private String incarnation = "";

    Reader(EventQuery query, long after) {
      this.query = query;
      this.position = after;
    }

    @Override
    public EventPage next(int limit, Duration maxWait) {
      long deadline = scheduler.after(maxWait.toNanos());
      long mark = mark();
      while (mark <= position && scheduler.nanoTime() < deadline) {
        scheduler.block(() -> attached.get().lastDrawn() > position, deadline);
        if (scheduler.nanoTime() < deadline) {
          scheduler.sleep(2_000_000);
        }
        mark = mark();
      }
      long from = position;
      long upTo = Math.max(mark, position);
      List<RecordedEvent> events =
          call(
              database ->
                  state().items().subMap(from, false, upTo, true).values().stream()
                      .filter(Item::isEvent)
                      .map(Item::event)
                      .filter(query::matches)
                      .limit(limit)
                      .toList());
      requireSameIncarnation();
      position = events.size() < limit ? upTo : events.get(limit - 1).position().value();
      return EventPage.of(events, Position.of(position), Position.of(Math.max(mark, position)));
    }

    private long mark() {
      long mark = call(SimulatedDatabase::durableMark);
      requireSameIncarnation();
      return mark;
    }

    private void requireSameIncarnation() {
      String now = attached.get().incarnation();
      if (!incarnation.isEmpty() && !incarnation.equals(now)) {
        throw new HistoryChangedException(
            "the server was in incarnation %s and is in %s".formatted(incarnation, now));
      }
      incarnation = now;
    }

    @Override
    public String incarnation() {
      return incarnation;
    }

    @Override
    public void close() {}
  }

  /** A tenure. */
  private final class Held implements Lease {

    private final String key;
    private final int lane;
    private final String owner;
    private final long epoch;
    private final Duration ttl;

    Held(String key, int lane, String owner, long epoch, Duration ttl) {
      this.key = key;
      this.lane = lane;
      this.owner = owner;
      this.epoch = epoch;
      this.ttl = ttl;
    }

    private boolean change(long expires, Map<String, @Nullable String> changes) {
      return call(
          database -> {
            SimulatedDatabase.Lease row = state().leases().get(key);
            if (row == null || !row.owner().equals(owner) || row.epoch() != epoch) {
              return false;
            }
            Map<String, String> notes = new HashMap<>(row.notes());
            changes.forEach(
                (name, text) -> {
                  if (text == null) {
                    notes.remove(name);
                  } else {
                    notes.put(name, text);
                  }
                });
            database.commit(
                state ->
                    state.with(key, new SimulatedDatabase.Lease(owner, epoch, expires, notes)));
            if (!changes.isEmpty()) {
              oracle.notedInDatabase(database, lane, notes, changes);
            }
            return true;
          });
    }

    private long expires() {
      SimulatedDatabase.Lease row = Objects.requireNonNull(state().leases().get(key));
      return row.expires();
    }

    @Override
    public long epoch() {
      return epoch;
    }

    @Override
    public boolean renew() {
      return change(scheduler.nanoTime() + ttl.toNanos(), Map.of());
    }

    @Override
    public Map<String, String> notes() {
      return call(
          database -> {
            SimulatedDatabase.Lease row = state().leases().get(key);
            return row == null ? Map.of() : row.notes();
          });
    }

    @Override
    public boolean note(Map<String, @Nullable String> changes) {
      return change(state().leases().containsKey(key) ? expires() : 0, changes);
    }

    /** Replaces a note, in one incarnation of the server, if it is as the owner takes it. */
    public boolean replaceNote(
        String incarnation, String name, @Nullable String expected, String text) {
      SimulatedDatabase.Lease row = state().leases().get(key);
      return row != null
          && attached.get().incarnation().equals(incarnation)
          && Objects.equals(row.notes().get(name), expected)
          && change(row.expires(), Map.of(name, text));
    }

    @Override
    public void close() {
      boolean unused = change(0, Map.of());
    }
  }
}
