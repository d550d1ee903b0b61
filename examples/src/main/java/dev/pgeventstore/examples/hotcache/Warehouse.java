package dev.pgeventstore.examples.hotcache;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.hotcache.StockEvent.Received;
import dev.pgeventstore.examples.hotcache.StockEvent.Taken;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * A cache starts from the contents of a view, and continues with the events. While the cache reads
 * the view, the view changes. How does the cache count every event exactly once?
 *
 * <p>It starts its own PostgreSQL server, and removes it when it ends.
 */
public final class Warehouse {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int ITEMS = 50;
  private static final int WRITERS = 3;

  private final DataSource database;
  private final EventStore store;
  private final Consumer<String> tell;

  Warehouse(DataSource database, EventStore store, Consumer<String> tell) {
    this.database = database;
    this.store = store;
    this.tell = tell;
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    try (PostgresServer server = PostgresServer.start();
        HikariDataSource pool = Pools.of(server.createDatabase().url(), 20);
        EventStore store = store(pool)) {
      new Warehouse(pool, store, System.out::println).run(20);
    }
  }

  static EventStore store(HikariDataSource pool) {
    return PostgresEventStore.builder(pool)
        .codec(JacksonCodec.of(EventTypes.of(StockEvent.class)))
        .build();
  }

  /** Fills some caches, one after the other, while the stock changes. */
  Outcome run(int caches) throws Exception {
    StockTable.create(database);
    ExecutorService writers = Executors.newFixedThreadPool(WRITERS);
    AtomicBoolean enough = new AtomicBoolean();
    List<StockCache> filled = new ArrayList<>();
    try (Subscription view = StockTable.follow(store)) {
      List<Future<Void>> writing = new ArrayList<>();
      for (int writer = 0; writer < WRITERS; writer++) {
        int seed = writer;
        writing.add(writers.submit(() -> write(new Random(seed), enough)));
      }
      for (int i = 0; i < caches; i++) {
        StockCache cache = new StockCache(store, database);
        filled.add(cache);
        // This cache follows the events while the next ones are filled.
        cache.awaitApplied(receive("delivery", 1), PATIENCE);
      }
      enough.set(true);
      for (Future<Void> writer : writing) {
        writer.get();
      }
      AppendResult last = receive("delivery", 1);
      view.awaitApplied(last, PATIENCE);
      for (StockCache cache : filled) {
        cache.awaitApplied(last, PATIENCE);
      }
      Outcome outcome =
          new Outcome(
              view(), filled.stream().map(StockCache::all).toList(), last.position().value());
      tell.accept(
          "%d caches were filled while some %,d events came. %d of them show what the view shows."
              .formatted(
                  caches,
                  outcome.events(),
                  outcome.caches().stream().filter(outcome.view()::equals).count()));
      return outcome;
    } finally {
      enough.set(true);
      writers.shutdown();
      filled.forEach(StockCache::close);
    }
  }

  private Void write(Random random, AtomicBoolean enough) {
    while (!enough.get()) {
      String item = "part " + random.nextInt(ITEMS);
      if (random.nextInt(3) == 0) {
        append(item, new Taken(1 + random.nextInt(5)));
      } else {
        receive(item, 1 + random.nextInt(5));
      }
    }
    return null;
  }

  private AppendResult receive(String item, long quantity) {
    return append(item, new Received(quantity));
  }

  private AppendResult append(String item, StockEvent event) {
    return store.append(
        StreamId.of(StockTable.CATEGORY, item), ExpectedVersion.any(), List.of(event));
  }

  private Map<String, Long> view() throws SQLException {
    try (Connection connection = database.getConnection()) {
      return StockTable.read(connection);
    }
  }

  /**
   * The final contents of the view and of each cache, and an upper bound of the number of events.
   */
  record Outcome(Map<String, Long> view, List<Map<String, Long>> caches, long events) {}
}
