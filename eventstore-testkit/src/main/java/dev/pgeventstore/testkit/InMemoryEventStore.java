package dev.pgeventstore.testkit;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.spi.Parts;
import dev.pgeventstore.spi.RecordedMessage;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * An event store for tests, which keeps its events until it is garbage. Safe for use by many
 * threads.
 *
 * <p>It answers like the store on PostgreSQL does, as the contracts show for both: appends, reads,
 * snapshots and messages; subscriptions with retries, parked events and partitions; followers; and
 * projections. Appends are settled when they return, so a test appends, waits by {@code
 * awaitApplied}, and looks.
 *
 * <p>What differs:
 *
 * <ul>
 *   <li>Without a data source, handlers have no transaction, and every method of their connection
 *       throws an {@link UnsupportedOperationException}. With one ({@link Builder#dataSource}) each
 *       batch is handled in a transaction of it. When that has committed, the checkpoint moves,
 *       which is in memory like the events: it is lost with the store.
 *   <li>Whatever a handler or the commit fails with counts as an attempt, also a failure of the
 *       database.
 *   <li>One thread handles all partitions of a subscription, in turn. No other process shares them.
 *   <li>{@link #within} appends at once.
 *   <li>No relay publishes its messages: see {@link #messages}.
 * </ul>
 */
public final class InMemoryEventStore implements EventStore {

  /** The most bytes that the data and metadata of one event may take. */
  public static final int MAX_EVENT_BYTES = 900 * 1024;

  private final InMemoryLog log;
  private final InMemoryAppender appender;
  private final InMemoryFeed feed;
  private final InMemorySubscriptions subscriptions;
  private final Parts parts;

  private InMemoryEventStore(Builder builder) {
    Monitor monitor = new Monitor();
    HandlerTransactions transactions = new HandlerTransactions(builder.dataSource);
    this.log = new InMemoryLog(builder.codec, builder.clock, monitor);
    this.appender = new InMemoryAppender(builder.codec, builder.listener, log, monitor);
    this.feed = new InMemoryFeed(log, monitor);
    this.subscriptions = new InMemorySubscriptions(log, transactions, monitor);
    this.parts =
        Parts.of(
            this,
            builder.codec,
            new InMemorySnapshots(log, monitor),
            appender,
            feed,
            subscriptions,
            new InMemoryProjections(log, subscriptions, transactions, monitor));
  }

  /**
   * An empty store, without a database for its handlers.
   *
   * @param codec of the events
   * @return the store
   */
  public static InMemoryEventStore of(EventCodec codec) {
    return builder(codec).build();
  }

  /**
   * Begins to describe a store.
   *
   * @param codec of the events
   * @return a builder
   */
  public static Builder builder(EventCodec codec) {
    return new Builder(codec);
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    return parts.find(type);
  }

  @Override
  public AppendResult append(Append append) {
    return appender.append(append);
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

  /**
   * The messages that wait for a relay: all that were written, since none runs.
   *
   * @param relay its name
   * @return in the order of positions
   */
  public List<RecordedMessage> messages(String relay) {
    return log.messages(relay);
  }

  @Override
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    return log.read(stream, range);
  }

  @Override
  public EventPage readPage(EventQuery query, Position after, int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + limit);
    }
    return log.page(query::matches, after, limit);
  }

  @Override
  public Position highWaterMark() {
    return log.highWaterMark();
  }

  /**
   * Appends and reads at once, whatever becomes of the transaction: what is appended can be read by
   * others before it commits, and stays if it is rolled back. Expected versions are checked as for
   * any append. The connection may also be that of a handler that has none.
   *
   * @param connection with auto-commit off
   * @return this store
   * @throws IllegalArgumentException if the connection is in auto-commit mode
   */
  @Override
  public EventStreams within(Connection connection) {
    try {
      if (!HandlerTransactions.isNone(connection) && connection.getAutoCommit()) {
        throw new IllegalArgumentException(
            "the connection is in auto-commit mode: there is no transaction to append in");
      }
    } catch (SQLException e) {
      throw new EventStoreException("the connection cannot be used: " + e.getMessage(), e);
    }
    return this;
  }

  /**
   * Stops subscriptions and followers, and waits for the batches that subscriptions are handling,
   * unless called from a handler or a listener. The events can still be read.
   */
  @Override
  public void close() {
    feed.close();
    subscriptions.close();
  }

  /** Describes a store. For one thread. */
  public static final class Builder {

    private final EventCodec codec;
    private Clock clock = Clock.systemUTC();
    private @Nullable DataSource dataSource;
    private @Nullable StoreListener listener;

    private Builder(EventCodec codec) {
      this.codec = Objects.requireNonNull(codec, "the codec is null");
    }

    /**
     * The clock of {@link RecordedEvent#recordedAt()}. The default is the system's.
     *
     * @param ofTheTest any
     * @return this builder
     */
    public Builder clock(Clock ofTheTest) {
      this.clock = Objects.requireNonNull(ofTheTest, "the clock is null");
      return this;
    }

    /**
     * The database that handlers write to: any that has transactions. Each batch, each replay and
     * each step of a projection's definition has a transaction of its own, which is committed when
     * that has returned. The store itself writes nothing to the database. The default is none.
     *
     * @param forHandlers gives the connections; stays open when the store is closed
     * @return this builder
     */
    public Builder dataSource(DataSource forHandlers) {
      this.dataSource = Objects.requireNonNull(forHandlers, "the data source is null");
      return this;
    }

    /**
     * What is told of every append. The store sends each alone, so it tells of no batches. The
     * default is nothing.
     *
     * @param ofAppends any
     * @return this builder
     */
    public Builder listener(StoreListener ofAppends) {
      this.listener = Objects.requireNonNull(ofAppends, "the listener is null");
      return this;
    }

    /**
     * The store.
     *
     * @return an empty one
     */
    public InMemoryEventStore build() {
      return new InMemoryEventStore(this);
    }
  }
}
