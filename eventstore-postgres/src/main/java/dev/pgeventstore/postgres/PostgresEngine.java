package dev.pgeventstore.postgres;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.fence.ObserversConnection;
import dev.pgeventstore.postgres.internal.subscribe.Engine;
import dev.pgeventstore.postgres.internal.tables.OwnTransactions;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.ServerNotifications;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import javax.sql.DataSource;

/**
 * The resources that stores over one data source share, for example one store for each tenant's
 * schema. Safe for many threads.
 *
 * <p>However many stores there are, and however many subscriptions they have, one connection
 * observes their fences and one listens for other processes' commits, both while something
 * subscribes or reads on; one thread does each of that, one keeps all leases, and handlers run in
 * threads that are shared: as many as run at once. A schema that was dropped, is locked or may not
 * be read does not hold up the others.
 *
 * <pre>{@code
 * try (PostgresEngine engine = PostgresEngine.builder(pool).build();
 *     EventStore orders = PostgresEventStore.builder(engine).schema("orders").codec(codec).build();
 *     EventStore stock = PostgresEventStore.builder(engine).schema("stock").codec(codec).build()) {
 * }
 * }</pre>
 *
 * <p>A store that is built on a data source has an engine of its own, which it closes.
 */
public final class PostgresEngine implements AutoCloseable {

  private final DataSource dataSource;
  private final Scheduler scheduler;
  private final Engine engine;

  /** Guards the stores. */
  private final Lock lock;

  private final Set<PostgresEventStore> stores = new LinkedHashSet<>();
  private boolean closed;

  private PostgresEngine(Builder builder) {
    dataSource = builder.dataSource;
    scheduler = builder.scheduler;
    lock = scheduler.newLock();
    engine =
        new Engine(
            scheduler,
            new PooledConnections(dataSource),
            new ServerNotifications(dataSource, builder.listening == Listening.ALWAYS),
            () -> new ObserversConnection(dataSource, Engine.PATIENCE),
            builder.pollInterval,
            builder.listening != Listening.NEVER);
  }

  /**
   * Starts building an engine.
   *
   * @param dataSource where connections come from; it stays the caller's, and open
   * @return a builder
   */
  public static Builder builder(DataSource dataSource) {
    return new Builder(dataSource);
  }

  DataSource dataSource() {
    return dataSource;
  }

  Scheduler scheduler() {
    return scheduler;
  }

  Engine shared() {
    return engine;
  }

  /** A store is open. */
  void add(PostgresEventStore store) {
    boolean refused;
    lock.lock();
    try {
      refused = closed;
      if (!refused) {
        stores.add(store);
      }
    } finally {
      lock.unlock();
    }
    if (refused) {
      store.close();
      throw new IllegalStateException("the engine is closed");
    }
  }

  /** A store is closed. */
  void remove(PostgresEventStore store) {
    lock.lock();
    try {
      stores.remove(store);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Closes the stores that are still open, as each would be closed alone, and then what they share.
   * All subscriptions are asked to stop before the first is waited for, so a handler that hangs in
   * one store keeps none of another from ending. Closing twice has no effect. A handler may close
   * its engine; that waits for no handler.
   */
  @Override
  public void close() {
    List<PostgresEventStore> open;
    lock.lock();
    try {
      closed = true;
      open = List.copyOf(stores);
    } finally {
      lock.unlock();
    }
    open.forEach(PostgresEventStore::askToStop);
    open.forEach(PostgresEventStore::close);
    engine.close();
  }

  /** Describes an engine. For one thread. */
  public static final class Builder {

    private final DataSource dataSource;
    private Duration pollInterval = Duration.ofMillis(250);
    private Listening listening = Listening.DIRECTLY;
    private Scheduler scheduler = Scheduler.threads();

    private Builder(DataSource dataSource) {
      this.dataSource = Objects.requireNonNull(dataSource, "data source");
    }

    /**
     * How often subscriptions look for events that no notification announced. The default is 250
     * ms, so that the stores of an engine whose subscriptions have nothing to do ask the database
     * four times a second, all together. It bounds the latency where notifications do not work or
     * get lost; events of this process and, where listening works, of others arrive without it.
     *
     * @param interval 1 ms or more
     * @return this builder
     * @throws IllegalArgumentException if it is shorter
     */
    public Builder pollInterval(Duration interval) {
      if (interval.compareTo(Duration.ofMillis(1)) < 0) {
        throw new IllegalArgumentException("a poll interval is 1 ms or more, not " + interval);
      }
      this.pollInterval = interval;
      return this;
    }

    /**
     * When to listen for what other processes commit. The default is {@link Listening#DIRECTLY}.
     * Others are notified of commits in any case: they may be connected in another way.
     *
     * @param when directly connected, always, or never
     * @return this builder
     */
    public Builder listening(Listening when) {
      this.listening = Objects.requireNonNull(when, "when to listen");
      return this;
    }

    /** For tests that turn the readers' clock. */
    Builder scheduler(Scheduler instead) {
      this.scheduler = instead;
      return this;
    }

    /**
     * Builds the engine, which asks the database nothing and starts no thread until a store needs
     * it.
     *
     * @return the engine; close it
     * @throws IllegalArgumentException if the data source gives its connections to transactions of
     *     a framework
     */
    public PostgresEngine build() {
      OwnTransactions.requireOwnConnections(dataSource);
      return new PostgresEngine(this);
    }
  }
}
