package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A database with a {@link Ledger}, somebody who appends, and nodes that come and go. Closing it
 * ends them all.
 */
final class LedgerScene implements AutoCloseable {

  static final Duration PATIENCE = Duration.ofSeconds(60);

  final Database database;
  final TestStore store;
  private final List<AutoCloseable> nodes = new ArrayList<>();
  private final List<Load> loads = new ArrayList<>();

  private LedgerScene(Database database) {
    this.database = database;
    this.store = new TestStore(database);
  }

  static LedgerScene of(Database database) throws SQLException {
    LedgerScene scene = new LedgerScene(database);
    Ledger.create(database);
    return scene;
  }

  static LedgerScene withoutKeys(Database database) throws SQLException {
    LedgerScene scene = new LedgerScene(database);
    Ledger.createWithoutKeys(database);
    return scene;
  }

  /** A node in a process of its own. */
  SubscriptionNode process(NodeSettings settings) {
    SubscriptionNode node = SubscriptionNode.start(database, settings);
    nodes.add(node);
    return node;
  }

  /** A node in this process. */
  LocalNode local(NodeSettings settings) {
    LocalNode node = new LocalNode(database, settings);
    nodes.add(node);
    return node;
  }

  /** Appends one event, whose type controls the handler. */
  AppendResult append(String key, String type) {
    return appendTo(StreamId.of(Ledger.CATEGORY, key), type);
  }

  AppendResult append(String key) {
    return append(key, "happened");
  }

  AppendResult appendTo(StreamId stream, String type) {
    return store.store.append(
        stream, ExpectedVersion.any(), List.of(EncodedEvent.of(type, 1, "{}")));
  }

  /** So many events, one stream after the other and from the beginning again. */
  AppendResult appendMany(int events, int streams) {
    AppendResult last = null;
    for (int i = 0; i < events; i++) {
      last = append("s" + i % streams);
    }
    return last;
  }

  /** So many events to each of so many streams, some at a time of each. */
  void appendBacklog(int streams, int each) {
    int atOnce = 10;
    for (int i = 0; i < each; i += atOnce) {
      for (int stream = 0; stream < streams; stream++) {
        store.store.append(
            StreamId.of(Ledger.CATEGORY, "s" + stream),
            ExpectedVersion.any(),
            Collections.nCopies(atOnce, EncodedEvent.of("happened", 1, "{}")));
      }
    }
  }

  /** The position of the subscription. */
  Position position() throws SQLException {
    try (Connection connection = database.open()) {
      return Subscriptions.of(store.store).position(NodeSettings.SUBSCRIPTION, connection);
    }
  }

  void awaitHandled(AppendResult last) {
    awaitHandled(last.position());
  }

  void awaitHandled(Position last) {
    awaitHandled(last, PATIENCE);
  }

  void awaitHandled(Position last, Duration patience) {
    await("the subscription at " + last)
        .atMost(patience)
        .pollInterval(Duration.ofMillis(10))
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(position()).isGreaterThanOrEqualTo(last));
  }

  /** How many rows a node has written. */
  long handledBy(String node) throws SQLException {
    return Long.parseLong(
        store.query("select count(*) from public.handled where node = '%s'".formatted(node)));
  }

  void awaitHandledBy(String node, long more) throws SQLException {
    long before = handledBy(node);
    await("%d more events handled by %s".formatted(more, node))
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(5))
        .until(() -> handledBy(node) >= before + more);
  }

  /** All of the log was handled as it should be, and what is set aside had a reason. */
  void check(int partitions) throws SQLException {
    check(partitions, false);
  }

  void check(int partitions, boolean filtered) throws SQLException {
    assertThat(Ledger.violations(database, partitions, filtered)).isEmpty();
  }

  long parked() throws SQLException {
    return Long.parseLong(store.query("select count(*) from eventstore.parked_events"));
  }

  /** Appends in the background until it is stopped. */
  Load load(int streams) {
    return load(streams, "s");
  }

  /** To streams whose keys begin so. */
  Load load(int streams, String keys) {
    Load load = new Load(streams, keys);
    loads.add(load);
    load.thread.start();
    return load;
  }

  /** A thread that appends to streams at random. */
  final class Load {
    private final Thread thread = new Thread(this::run, "load");
    private final AtomicLong appended = new AtomicLong();
    private final int streams;
    private final String keys;
    private volatile AppendResult last;
    private volatile boolean over;

    private Load(int streams, String keys) {
      this.streams = streams;
      this.keys = keys;
    }

    private void run() {
      Random random = new Random();
      while (!over) {
        try {
          last = append(keys + random.nextInt(streams));
          appended.incrementAndGet();
          Thread.sleep(1);
        } catch (EventStoreException e) {
          // The server is being killed; the thread continues when it is back.
        } catch (InterruptedException e) {
          return;
        }
      }
    }

    void awaitMore(long events) {
      long enough = appended.get() + events;
      await("load").atMost(PATIENCE).until(() -> appended.get() >= enough);
    }

    /** The last event of it. */
    AppendResult stop() throws InterruptedException {
      over = true;
      thread.join(PATIENCE.toMillis());
      assertThat(thread.isAlive()).isFalse();
      return last;
    }
  }

  @Override
  public void close() throws Exception {
    for (Load load : loads) {
      load.stop();
    }
    for (AutoCloseable node : nodes) {
      node.close();
    }
    store.close();
  }
}
