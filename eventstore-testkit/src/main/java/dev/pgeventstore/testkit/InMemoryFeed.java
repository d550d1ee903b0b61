package dev.pgeventstore.testkit;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.spi.RecordedMessage;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The log as followers read it. Relays cannot use this feed: it has no leases and no notes. */
final class InMemoryFeed implements EventFeed {

  private static final String NO_RELAY =
      "a store in memory has no relay: ask InMemoryEventStore.messages(relay) for what waits to be published, and test a relay with PostgreSQL";

  private final InMemoryLog log;
  private final Monitor monitor;
  private boolean closed;

  InMemoryFeed(InMemoryLog log, Monitor monitor) {
    this.log = log;
    this.monitor = monitor;
  }

  /** Ends all followers. */
  void close() {
    monitor.change(() -> closed = true);
  }

  @Override
  public Optional<String> whyNoRelay() {
    return Optional.of(NO_RELAY);
  }

  @Override
  public FeedReader open(EventQuery query, Position after, Durability durability) {
    return new Reader(query, after);
  }

  @Override
  public Position highWaterMark() {
    return log.highWaterMark();
  }

  @Override
  public Optional<RecordedEvent> eventAt(Position position) {
    return log.at(position);
  }

  @Override
  public Optional<RecordedEvent> lastUpTo(Position upTo) {
    for (long position = upTo.value(); position > 0; position--) {
      Optional<RecordedEvent> event = log.at(Position.of(position));
      if (event.isPresent()) {
        return event;
      }
    }
    return Optional.empty();
  }

  @Override
  public Map<Position, UUID> idsAt(Collection<Position> positions) {
    Map<Position, UUID> ids = new HashMap<>();
    positions.forEach(p -> log.at(p).ifPresent(event -> ids.put(p, event.id())));
    return ids;
  }

  @Override
  public String databaseId() {
    return log.incarnation();
  }

  @Override
  public String incarnation() {
    return log.incarnation();
  }

  @Override
  public Optional<Position> find(AppendResult append) {
    return monitor.read(
        () -> {
          Position last = Position.START;
          for (Map.Entry<StreamId, AppendResult.Part> part : append.parts().entrySet()) {
            List<RecordedEvent> stream = log.stream(part.getKey());
            long version = part.getValue().version();
            if (version > stream.size()
                || !stream.get((int) version - 1).id().equals(part.getValue().lastId())) {
              return Optional.empty();
            }
            Position position = stream.get((int) version - 1).position();
            last = position.isAfter(last) ? position : last;
          }
          return Optional.of(last);
        });
  }

  @Override
  public Optional<Lease> tryLease(String name, int partition, String owner, Duration ttl) {
    throw unsupported();
  }

  @Override
  public Lease seizeLease(String name, int partition, String owner, Duration ttl) {
    throw unsupported();
  }

  @Override
  public Map<String, String> notes(String name, int partition) {
    throw unsupported();
  }

  @Override
  public List<RecordedMessage> messages(
      String relay, int lane, int lanes, Position after, Position upTo, int limit) {
    throw unsupported();
  }

  @Override
  public void deleteMessages(String relay, int lane, int lanes, Position upTo) {
    throw unsupported();
  }

  private static UnsupportedOperationException unsupported() {
    return new UnsupportedOperationException(NO_RELAY);
  }

  @Override
  public Position lastDrawn() {
    return log.highWaterMark();
  }

  @Override
  public List<Blocker> blockers(Duration age) {
    return List.of();
  }

  /** Reads page after page. */
  private final class Reader implements FeedReader {

    private final EventQuery query;
    private Position after;
    private String incarnation = "";

    Reader(EventQuery query, Position after) {
      this.query = query;
      this.after = after;
    }

    @Override
    public EventPage next(int limit, Duration maxWait) throws InterruptedException {
      boolean unused =
          monitor.await(
              () -> closed || log.highWaterMark().isAfter(after), Durations.nanos(maxWait));
      if (monitor.read(() -> closed)) {
        throw new IllegalStateException("the event store is closed");
      }
      EventPage page = log.page(query::matches, after, limit);
      after = page.upTo();
      incarnation = log.incarnation();
      return page;
    }

    @Override
    public String incarnation() {
      return incarnation;
    }

    @Override
    public void close() {}
  }
}
