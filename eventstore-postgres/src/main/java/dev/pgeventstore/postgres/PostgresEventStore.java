package dev.pgeventstore.postgres;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.append.Appender;
import dev.pgeventstore.postgres.internal.append.EventEncoder;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.importing.BatchWriter;
import dev.pgeventstore.postgres.internal.load.SnapshotKeeper;
import dev.pgeventstore.postgres.internal.load.StreamReader;
import dev.pgeventstore.postgres.internal.project.PostgresProjections;
import dev.pgeventstore.postgres.internal.schema.Migrator;
import dev.pgeventstore.postgres.internal.schema.StartUpChecks;
import dev.pgeventstore.postgres.internal.subscribe.CommitSignals;
import dev.pgeventstore.postgres.internal.subscribe.Engine;
import dev.pgeventstore.postgres.internal.subscribe.PostgresFeed;
import dev.pgeventstore.postgres.internal.subscribe.SubscriptionRuns;
import dev.pgeventstore.postgres.internal.subscribe.SubscriptionTables;
import dev.pgeventstore.postgres.internal.tables.AppendFunction;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.OutboxTable;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SnapshotsTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.UnjoinedTransactions;
import dev.pgeventstore.spi.Parts;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * An event store in a schema of a PostgreSQL database. Safe for many threads; one instance per
 * process and schema is enough.
 *
 * <p>It takes its connections from a {@link DataSource}, which should be a pool. While something
 * subscribes, two connections are held all the time: one to observe the fence, one to listen for
 * other processes' commits. Stores of one {@link PostgresEngine} share these two. So a pool needs
 * three at least: with two, every append and every page would wait until it fails. Every partition
 * that is being handled uses one for as long as its handler takes, and from time to time one more
 * renews all leases: if the pool never has a free one for that, other nodes take the leases. Behind
 * a pooler the store does not listen by default ({@link Listening}), and polls instead.
 *
 * <p>The server must be a primary, version 14 or newer.
 */
// Most of this file is documentation.
public final class PostgresEventStore implements EventStore {

  private final UnjoinedTransactions unjoined;
  private final Appender appender;
  private final StreamReader reader;
  private final SnapshotKeeper snapshots;
  private final HighWaterMark highWaterMark;
  private final CommitSignals signals;
  private final PostgresFeed feed;
  private final SubscriptionRuns subscriptions;
  private final BatchWriter imports;
  private final Importer importer;
  private final Parts parts;
  private final PostgresEngine engine;

  /** Whether it is closed with this store. */
  private final boolean ownsEngine;

  private PostgresEventStore(
      Builder builder, PostgresEngine engine, boolean ownsEngine, Schema schema, EventCodec codec) {
    this.engine = engine;
    this.ownsEngine = ownsEngine;
    Engine shared = engine.shared();
    unjoined = new UnjoinedTransactions(engine.dataSource());
    Connections connections = shared.connections();
    EventsTable events = new EventsTable(schema, codec);
    FenceFunction fence = new FenceFunction(schema);
    reader = new StreamReader(connections, events);
    snapshots = new SnapshotKeeper(connections, new SnapshotsTable(schema, events));
    highWaterMark = shared.mark(fence);
    signals = shared.signals(schema.channel(), highWaterMark);
    EventEncoding encoding = new EventEncoding(codec, builder.maxEventBytes);
    appender =
        new Appender(
            engine.scheduler(),
            engine.dataSource(),
            new AppendFunction(schema),
            new OutboxTable(schema),
            new EventEncoder(encoding, () -> highWaterMark.last().incarnation()),
            builder.groupAppends,
            builder.appendTimeout,
            signals::appended,
            builder.listener);
    feed = new PostgresFeed(shared, schema, events, fence, highWaterMark, signals);
    subscriptions =
        new SubscriptionRuns(
            shared,
            feed.readers(),
            new SubscriptionTables(connections, schema, events),
            highWaterMark,
            signals,
            SubscriptionRuns.node());
    imports = new BatchWriter(connections, schema, events, signals::appended);
    importer = Importer.of(imports, encoding);
    Outbox outbox = messages -> appender.publish(List.copyOf(messages));
    parts =
        Parts.of(
            this,
            codec,
            feed,
            subscriptions,
            snapshots,
            outbox,
            new PostgresProjections(connections, schema, feed::highWaterMark));
  }

  /**
   * Starts building a store with an engine of its own, which is closed with it.
   *
   * @param dataSource the source of connections; it stays the caller's, and open
   * @return a builder
   */
  public static Builder builder(DataSource dataSource) {
    return new Builder(PostgresEngine.builder(dataSource), null);
  }

  /**
   * Begins to describe a store that shares an engine with others. Closing it ends only what is its
   * own.
   *
   * @param engine it stays open; closing it closes the store
   * @return a builder, for which the engine has decided poll interval and listening
   */
  public static Builder builder(PostgresEngine engine) {
    return new Builder(PostgresEngine.builder(engine.dataSource()), engine);
  }

  @Override
  public AppendResult append(Append append) {
    unjoined.check(append);
    return appender.append(append);
  }

  @Override
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    unjoined.check(append);
    return appender.appendAsync(append);
  }

  /**
   * Begins to describe an import of many events at once, by {@code COPY}.
   *
   * @return an import without a name
   */
  public Importer importer() {
    return importer;
  }

  @Override
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    return reader.read(stream, range);
  }

  @Override
  public Position highWaterMark() {
    return feed.highWaterMark();
  }

  @Override
  public EventPage readPage(EventQuery query, Position after, int limit) {
    return feed.page(query, after, limit);
  }

  @Override
  public EventStreams within(Connection connection) {
    try {
      if (connection.getAutoCommit()) {
        throw new IllegalArgumentException(
            "the connection is in auto-commit mode: there is no transaction to append in");
      }
    } catch (SQLException e) {
      throw SqlErrors.of("the caller's connection cannot be used", e);
    }
    return new CallersTransaction(connection, appender, reader, snapshots, highWaterMark);
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    return parts.find(type);
  }

  /** Asks all that runs here to stop, and waits for nothing. */
  void askToStop() {
    subscriptions.askToStop();
  }

  // What a pool that gives no connection adds to this, at most: for appends 11 s (GroupAppender),
  // for partitions that wait for a connection 5 s (Progress), for their leases twice 2 s
  // (LeaseReturns), for the lease keeper 3 s (LeaseKeeper), for what stores share 6 s (Engine).
  // Together 29 s, of the 30 s that docs/guarantees.md promises.
  @Override
  public void close() {
    appender.close();
    imports.close();
    subscriptions.close();
    signals.close();
    feed.close();
    highWaterMark.close();
    engine.remove(this);
    if (ownsEngine) {
      engine.close();
    }
  }

  /** Describes a store. For one thread. */
  public static final class Builder {

    private final PostgresEngine.Builder own;
    private final @Nullable PostgresEngine given;
    private @Nullable EventCodec codec;
    private String schema = "eventstore";
    private Migrations migrations = Migrations.APPLY;
    private int maxEventBytes = 900 * 1024;
    private boolean groupAppends = true;
    private Duration appendTimeout = Duration.ofSeconds(30);
    private @Nullable StoreListener listener;

    private Builder(PostgresEngine.Builder own, @Nullable PostgresEngine given) {
      this.own = own;
      this.given = given;
    }

    /**
     * What turns domain objects into stored events. Required.
     *
     * @param with the codec
     * @return this builder
     */
    public Builder codec(EventCodec with) {
      this.codec = with;
      return this;
    }

    /**
     * The schema that holds the store's tables. The default is {@code eventstore}. Several stores
     * live in one database, each in a schema of its own.
     *
     * @param name 1 to 48 lower-case letters, digits and underscores, not starting with a digit or
     *     {@code pg_}; checked when building
     * @return this builder
     */
    public Builder schema(String name) {
      this.schema = name;
      return this;
    }

    /**
     * What to do with the database's schema. The default is {@link Migrations#APPLY}.
     *
     * @param what apply, validate, or nothing
     * @return this builder
     */
    public Builder migrations(Migrations what) {
      this.migrations = what;
      return this;
    }

    /**
     * The most bytes of JSON, data and metadata together, that one event may take, and the most
     * that key, value and headers of a message may. The default is 921,600 (900 KiB), which leaves
     * room for headers in Kafka's default of 1 MiB.
     *
     * @param bytes 1 or more
     * @return this builder
     * @throws IllegalArgumentException if it is below 1
     */
    public Builder maxEventBytes(int bytes) {
      if (bytes < 1) {
        throw new IllegalArgumentException("the largest event takes 1 byte or more, not " + bytes);
      }
      this.maxEventBytes = bytes;
      return this;
    }

    /**
     * Whether appends of several threads that arrive at the same time are committed together, which
     * is the default. Each still has its own outcome, and none is delayed for the sake of others.
     * If this is off, every synchronous append is a transaction on a connection of its own; {@link
     * #appendAsync} always groups.
     *
     * @param together false to switch it off
     * @return this builder
     */
    public Builder groupAppends(boolean together) {
      this.groupAppends = together;
      return this;
    }

    /**
     * How long appends that are committed together wait for the response, once they have a
     * connection. The default is 30 seconds. If the server or the network stops responding, the
     * appends of one batch wait for this time. Then the connection is closed, and their outcome is
     * unknown ({@link dev.pgeventstore.OutcomeUnknownException}); all other appends continue,
     * through another connection. Waiting for a stream that another transaction holds does not
     * count, since no batch waits for that; waiting for a synchronous standby does.
     *
     * <p>An append that is sent alone has no such limit, because it may have to wait for a stream
     * and may be large. This applies to a synchronous append with 16 events or more, with messages,
     * or with {@code groupAppends(false)}. There the driver's {@code socketTimeout} ends the wait
     * for a server that does not respond.
     *
     * @param limit 1 ms or more
     * @return this builder
     * @throws IllegalArgumentException if it is shorter
     */
    public Builder appendTimeout(Duration limit) {
      if (limit.compareTo(Duration.ofMillis(1)) < 0) {
        throw new IllegalArgumentException("a time limit is 1 ms or more, not " + limit);
      }
      this.appendTimeout = limit;
      return this;
    }

    /**
     * How often subscriptions look for events that no notification announced, if the store has an
     * engine of its own: {@link PostgresEngine.Builder#pollInterval}.
     *
     * @param interval 1 ms or more
     * @return this builder
     * @throws IllegalArgumentException if it is shorter
     * @throws IllegalStateException if the store is built on an engine, which has decided that
     */
    public Builder pollInterval(Duration interval) {
      requireOwnEngine();
      own.pollInterval(interval);
      return this;
    }

    /**
     * When to listen for what other processes commit, if the store has an engine of its own: {@link
     * PostgresEngine.Builder#listening}.
     *
     * @param when directly connected, always, or never
     * @return this builder
     * @throws IllegalStateException if the store is built on an engine, which has decided that
     */
    public Builder listening(Listening when) {
      requireOwnEngine();
      own.listening(when);
      return this;
    }

    /**
     * The listener that is notified of every append of this store. Default: none.
     *
     * @param who called by the threads that append
     * @return this builder
     */
    public Builder listener(StoreListener who) {
      this.listener = Objects.requireNonNull(who, "the listener is null");
      return this;
    }

    private void requireOwnEngine() {
      if (given != null) {
        throw new IllegalStateException(
            "poll interval and listening are the engine's, which other stores share: set them in"
                + " PostgresEngine.builder(…)");
      }
    }

    /** For tests that turn the readers' clock. */
    Builder scheduler(Scheduler instead) {
      own.scheduler(instead);
      return this;
    }

    /**
     * Migrates or validates as configured, checks that the database can keep the store's promises,
     * and builds the store.
     *
     * @return the store; close it
     * @throws IllegalArgumentException if the schema's name is not allowed, or the data source
     *     gives the store connections of a framework's transactions
     * @throws IllegalStateException if there is no codec, or the engine is closed
     * @throws EventStoreException if the database cannot be reached, or is not suitable for a store
     */
    public PostgresEventStore build() {
      Schema checked = new Schema(schema);
      EventCodec with = codec;
      if (with == null) {
        throw new IllegalStateException(
            "a store needs a codec: call codec(JacksonCodec.of(EventTypes.of(…))) before build()");
      }
      PostgresEngine engine = given == null ? own.build() : given;
      DataSource dataSource = engine.dataSource();
      try (Connection connection = PooledConnections.take(dataSource)) {
        StartUpChecks.beforeMigrating(connection);
      } catch (SQLException e) {
        throw SqlErrors.of("the database cannot be checked", e);
      }
      switch (migrations) {
        case APPLY -> new Migrator(dataSource, checked).apply();
        case VALIDATE -> new Migrator(dataSource, checked).validate();
        case NONE -> new Migrator(dataSource, checked).requireServed();
      }
      try (Connection connection = dataSource.getConnection()) {
        new StartUpChecks(checked).run(connection);
      } catch (SQLException e) {
        throw SqlErrors.of("schema " + schema + " cannot be checked", e);
      }
      PostgresEventStore store = new PostgresEventStore(this, engine, given == null, checked, with);
      engine.add(store);
      return store;
    }
  }
}
