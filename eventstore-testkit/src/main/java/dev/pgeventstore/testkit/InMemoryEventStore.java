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
 * An event store for tests. Its events are in memory only, and are lost with the store. Safe for
 * use by many threads.
 *
 * <p>It behaves like the store on PostgreSQL, as the contract tests show for both: appends, reads,
 * snapshots and messages; subscriptions with retries, parked events and partitions; followers; and
 * projections. Appends are settled when they return. A test appends, waits by {@code awaitApplied},
 * and checks the result.
 *
 * <p>What differs:
 *
 * <ul>
 *   <li>Without a data source, handlers have no transaction, and every method of their connection
 *       throws an {@link UnsupportedOperationException}. With one ({@link Builder#dataSource}),
 *       each batch is handled in one of its transactions, and the checkpoint moves after the
 *       commit. The checkpoint is in memory, like the events, and is lost with the store.
 *   <li>Every failure of a handler or of the commit counts as an attempt, even a failure of the
 *       database.
 *   <li>One thread handles all partitions of a subscription in turn. Partitions are not shared with
 *       other processes.
 *   <li>{@link #within} appends immediately, not when the transaction commits.
 *   <li>No relay publishes the messages: see {@link #messages}.
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
   * Creates an empty store, without a data source for its handlers.
   *
   * @param codec of the events
   * @return the store
   */
  public static InMemoryEventStore of(EventCodec codec) {
    return builder(codec).build();
  }

  /**
   * Starts building a store.
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

  /** Appends immediately: the returned future is complete. */
  @Override
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    try {
      return CompletableFuture.completedFuture(append(append));
    } catch (EventStoreException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /**
   * The messages that wait for a relay. No relay runs, so these are all messages that were written
   * for it.
   *
   * @param relay its name
   * @return the messages, in the order of their positions
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
   * Appends and reads immediately, whether the transaction commits or not: appended events can be
   * read by others before the commit, and stay if the transaction is rolled back. Expected versions
   * are checked as for any append. The connection may also be the one that handlers get if there is
   * no data source.
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

  /** Builds a store. For use by one thread. */
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
     * @param ofTheTest any clock
     * @return this builder
     */
    public Builder clock(Clock ofTheTest) {
      this.clock = Objects.requireNonNull(ofTheTest, "the clock is null");
      return this;
    }

    /**
     * The database that handlers write to: any that has transactions. Each batch, each replay and
     * each step of a projection's definition runs in its own transaction, which is committed when
     * the handler or definition has returned. The store itself writes nothing to the database. The
     * default is no database.
     *
     * @param forHandlers provides the connections; stays open when the store is closed
     * @return this builder
     */
    public Builder dataSource(DataSource forHandlers) {
      this.dataSource = Objects.requireNonNull(forHandlers, "the data source is null");
      return this;
    }

    /**
     * The listener to appends. This store sends each append alone, so it reports no batches. The
     * default is a listener that does nothing.
     *
     * @param ofAppends any listener
     * @return this builder
     */
    public Builder listener(StoreListener ofAppends) {
      this.listener = Objects.requireNonNull(ofAppends, "the listener is null");
      return this;
    }

    /**
     * Builds the store.
     *
     * @return an empty store
     */
    public InMemoryEventStore build() {
      return new InMemoryEventStore(this);
    }
  }
}
