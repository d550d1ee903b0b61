package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Blocker;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.tables.BlockersQuery;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.LeaseKey;
import dev.pgeventstore.postgres.internal.tables.LeaseNotesTable;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.OutboxTable;
import dev.pgeventstore.postgres.internal.tables.OutboxTable.LaneOf;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.Lease;
import dev.pgeventstore.spi.RecordedMessage;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The settled order, for everybody in this process who follows it. */
public final class PostgresFeed implements EventFeed, AutoCloseable {

  private static final long MOST_BYTES_OF_MESSAGES = 1 << 20;

  private final Connections connections;
  private final Schema schema;
  private final EventsTable events;
  private final FenceFunction fence;
  private final LeasesTable leases;
  private final LeaseNotesTable notes;
  private final BlockersQuery blockers;
  private final OutboxTable outbox;
  private final MessageDeletions deletions;
  private final HighWaterMark highWaterMark;
  private final DurableMark durableMark;
  private final Scheduler scheduler;
  private final Readers readers;

  public PostgresFeed(
      Engine engine,
      Schema schema,
      EventsTable events,
      FenceFunction fence,
      HighWaterMark highWaterMark,
      CommitSignals signals) {
    this.connections = engine.connections();
    this.schema = schema;
    this.events = events;
    this.fence = fence;
    this.leases = new LeasesTable(schema);
    this.notes = new LeaseNotesTable(schema);
    this.blockers = new BlockersQuery(schema);
    this.outbox = new OutboxTable(schema);
    this.deletions = new MessageDeletions(connections, outbox);
    this.highWaterMark = highWaterMark;
    this.durableMark = new DurableMark(highWaterMark, connections);
    this.scheduler = engine.scheduler();
    this.readers =
        new Readers(
            engine,
            highWaterMark,
            signals,
            (query, durability) -> pages(query, durability)::readBounded);
  }

  /** What subscriptions read by, so that they share pages with this feed. */
  public Readers readers() {
    return readers;
  }

  @Override
  public FeedReader open(EventQuery query, Position after, Durability durability) {
    return readers.follow(query, after.value(), durability);
  }

  private SettledPageReader pages(EventQuery query, Durability durability) {
    return new SettledPageReader(
        scheduler, connections, events.settledPages(query), fence, durability);
  }

  /** One page, on demand. */
  public EventPage page(EventQuery query, Position after, int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + limit);
    }
    try {
      Mark mark = durableMark.observe();
      if (mark.position() <= after.value()) {
        return EventPage.of(List.of(), after, Position.of(mark.position()));
      }
      SettledPage page =
          pages(query, Durability.VISIBLE).read(after.value(), mark, limit, scheduler.nanoTime());
      return EventPage.of(page.events(), Position.of(page.upTo()), Position.of(mark.position()));
    } catch (HistoryChangedException e) {
      // The mark is of an earlier incarnation of the server, and nothing was handed out by it.
      return page(query, after, limit);
    } catch (SQLException e) {
      throw SqlErrors.of("the settled events after position " + after + " cannot be read", e);
    }
  }

  @Override
  public Position highWaterMark() {
    try {
      return Position.of(durableMark.observe().position());
    } catch (SQLException e) {
      throw SqlErrors.of("the high-water mark cannot be observed", e);
    }
  }

  @Override
  public Optional<RecordedEvent> eventAt(Position position) {
    if (position.isAfter(highWaterMark())) {
      return Optional.empty();
    }
    try {
      return connections.use(connection -> events.at(connection, position));
    } catch (SQLException e) {
      throw SqlErrors.of("the event at position " + position + " cannot be read", e);
    }
  }

  @Override
  public Optional<RecordedEvent> lastUpTo(Position upTo) {
    try {
      return connections.use(connection -> events.lastUpTo(connection, upTo));
    } catch (SQLException e) {
      throw SqlErrors.of("the last event up to position " + upTo + " cannot be read", e);
    }
  }

  @Override
  public Map<Position, UUID> idsAt(Collection<Position> positions) {
    try {
      return connections.use(connection -> events.idsAt(connection, positions));
    } catch (SQLException e) {
      throw SqlErrors.of("the ids of %d events cannot be read".formatted(positions.size()), e);
    }
  }

  @Override
  public String databaseId() {
    try {
      return connections.use(ServerFunctions::databaseId) + '/' + schema.name();
    } catch (SQLException e) {
      throw SqlErrors.of("the id of the database cannot be read", e);
    }
  }

  @Override
  public String incarnation() {
    try {
      return highWaterMark.observe().incarnation();
    } catch (SQLException e) {
      throw SqlErrors.of("the incarnation of the server cannot be observed", e);
    }
  }

  @Override
  public Optional<Position> find(AppendResult append) {
    try {
      return connections.use(connection -> events.find(connection, append)).position();
    } catch (SQLException e) {
      throw SqlErrors.of("the append at " + append + " cannot be looked up", e);
    }
  }

  @Override
  public Optional<Lease> tryLease(String name, int partition, String owner, Duration ttl) {
    try {
      return connections
          .use(c -> leases.take(c, new LeaseKey(name, partition), owner, ttl))
          .map(tenure -> new RowLease(connections, leases, notes, tenure, ttl));
    } catch (SQLException e) {
      throw SqlErrors.of("the lease of " + name + " cannot be taken", e);
    }
  }

  @Override
  public Lease seizeLease(String name, int partition, String owner, Duration ttl) {
    try {
      Tenure tenure =
          connections.use(c -> leases.seize(c, new LeaseKey(name, partition), owner, ttl));
      return new RowLease(connections, leases, notes, tenure, ttl);
    } catch (SQLException e) {
      throw SqlErrors.of("the lease of " + name + " cannot be seized", e);
    }
  }

  @Override
  public Map<String, String> notes(String name, int partition) {
    try {
      return connections.use(c -> notes.of(c, new LeaseKey(name, partition)));
    } catch (SQLException e) {
      throw SqlErrors.of("the notes of " + name + " cannot be read", e);
    }
  }

  @Override
  public List<RecordedMessage> messages(
      String relay, int lane, int lanes, Position after, Position upTo, int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + limit);
    }
    LaneOf of = new LaneOf(lane, lanes);
    try {
      return connections.use(
          c ->
              outbox.waiting(
                  c, relay, of, after.value(), upTo.value(), limit, MOST_BYTES_OF_MESSAGES));
    } catch (SQLException e) {
      throw SqlErrors.of("the messages for relay " + relay + " cannot be read", e);
    }
  }

  @Override
  public void deleteMessages(String relay, int lane, int lanes, Position upTo) {
    LaneOf of = new LaneOf(lane, lanes);
    try {
      deletions.upTo(relay, of, upTo.value());
    } catch (SQLException e) {
      throw SqlErrors.of("the messages of relay " + relay + " cannot be deleted", e);
    }
  }

  @Override
  public Position lastDrawn() {
    try {
      return Position.of(connections.use(fence::lastDrawn));
    } catch (SQLException e) {
      throw SqlErrors.of("the last position that was drawn cannot be read", e);
    }
  }

  @Override
  public List<Blocker> blockers(Duration age) {
    try {
      return connections.use(connection -> blockers.olderThan(connection, age));
    } catch (SQLException e) {
      throw SqlErrors.of("who holds the high-water mark back cannot be read", e);
    }
  }

  @Override
  public void close() {
    readers.close();
  }
}
