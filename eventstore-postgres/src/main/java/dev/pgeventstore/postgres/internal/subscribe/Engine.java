package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Workers;
import dev.pgeventstore.postgres.internal.fence.FenceView;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.Observer;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.LeasesTable;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * What the stores of a data source share, however many they are: who observes their fences, listens
 * for others' commits, notifies others and keeps leases, and the threads that do the rest
 * (docs/adr/0030). Safe for many threads.
 */
public final class Engine implements AutoCloseable {

  /** An observation takes a fraction of a millisecond; after this long something is wrong. */
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  /** How long closing waits for what is under way: the pool may have no connection for that. */
  private static final long CLOSING_NANOS = PATIENCE.plusSeconds(1).toNanos();

  /** More would only take the processors from those who handle what is found. */
  private static final int LOOKERS = 4;

  private final Scheduler scheduler;
  private final Connections connections;

  /** For what waits for the database, and runs nothing of the application's. */
  private final Workers pages;

  /** For handlers and listeners, which may take their time. */
  private final Workers workers;

  /** For what blocks on nothing. */
  private final Workers lookers;

  private final Timer timer;
  private final Observer observer;
  private final Notifier notifier;
  private final Listener listener;
  private final LeaseRounds leases;

  /**
   * @param views what gives each of those who observe a view of their own
   * @param pollInterval how often it is looked for commits of which nothing was signalled
   * @param listen whether to listen for others' commits
   */
  public Engine(
      Scheduler scheduler,
      Connections connections,
      Notifications notifications,
      Supplier<FenceView> views,
      Duration pollInterval,
      boolean listen) {
    this.scheduler = scheduler;
    this.connections = connections;
    this.pages = new Workers(scheduler, "eventstore-pages");
    this.workers = new Workers(scheduler, "eventstore-worker");
    this.lookers = new Workers(scheduler, "eventstore-lanes", LOOKERS);
    this.timer = new Timer(scheduler);
    this.observer = new Observer(scheduler, views, pages, pollInterval);
    this.notifier = new Notifier(scheduler, connections, notifications);
    this.listener = new Listener(scheduler, notifications, pollInterval, listen);
    this.leases = new LeaseRounds(scheduler);
  }

  public Scheduler scheduler() {
    return scheduler;
  }

  public Connections connections() {
    return connections;
  }

  /** The mark of a store's schema. To be closed with the store. */
  public HighWaterMark mark(FenceFunction fence) {
    return observer.mark(fence);
  }

  /**
   * What signals the commits of a store. To be closed with the store.
   *
   * @param channel of its schema
   */
  public CommitSignals signals(String channel, HighWaterMark highWaterMark) {
    return new CommitSignals(notifier, listener, channel, highWaterMark);
  }

  /** Where pages are read. */
  Executor pages() {
    return pages;
  }

  /**
   * Has something done in turns, for which it has a thread of the engine's.
   *
   * @param name of that thread meanwhile
   */
  Turns turns(String name, Turns.Work work) {
    return new Turns(scheduler, timer, lookers::execute, turn -> workers.execute(name, turn), work);
  }

  LeaseKeeper leaseKeeper(LeasesTable table, CommitSignals signals, String node) {
    return new LeaseKeeper(scheduler, workers, leases, connections, table, signals, node);
  }

  /** Once all stores are closed. */
  @Override
  public void close() {
    Background[] threads = {
      leases.thread(), notifier.thread(), listener.thread(), observer.thread(), timer.thread()
    };
    if (EngineThread.isCurrent()) {
      Background.end(threads);
    } else {
      Background.close(scheduler, CLOSING_NANOS, threads);
    }
    lookers.retire();
    workers.retire();
    pages.retire();
  }
}
