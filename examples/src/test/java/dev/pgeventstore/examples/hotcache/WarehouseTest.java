package dev.pgeventstore.examples.hotcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.hotcache.StockEvent.Received;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
@Order(1)
class WarehouseTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @Test
  void caches_that_are_filled_while_the_view_changes_miss_nothing_and_count_nothing_twice(
      Database database) throws Exception {
    try (HikariDataSource pool = Pools.of(database.url(), 20);
        EventStore store = Warehouse.store(pool)) {
      Warehouse.Outcome outcome = new Warehouse(pool, store, line -> {}).run(20);

      Map<String, Long> log = log(store);
      assertThat(log).containsEntry("delivery", 21L);
      assertThat(outcome.view()).isEqualTo(log);
      assertThat(outcome.caches()).hasSize(20).allSatisfy(c -> assertThat(c).isEqualTo(log));
    }
  }

  @Test
  void a_cache_is_right_again_after_the_server_has_crashed() throws Exception {
    try (PostgresServer server = PostgresServer.start()) {
      assumeTrue(server.canBeKilled(), "needs a server that was started here");
      try (HikariDataSource pool = Pools.of(server.createDatabase().url(), 20);
          EventStore store = Warehouse.store(pool)) {
        StockTable.create(pool);
        try (Subscription view = StockTable.follow(store);
            StockCache cache = new StockCache(store, pool)) {
          receive(store, 20);
          server.killHard();
          server.restart();
          AppendResult last = receive(store, 20);
          view.awaitApplied(last, PATIENCE);

          await()
              .atMost(PATIENCE)
              .ignoreExceptionsInstanceOf(EventStoreException.class)
              .untilAsserted(() -> assertThat(cache.all()).isEqualTo(log(store)));
          receive(store, 20);
          cache.awaitApplied(receive(store, 1), PATIENCE);
          assertThat(cache.all()).isEqualTo(log(store));
        }
      }
    }
  }

  /** Retries each append until it is stored, because the pool has broken connections. */
  private static AppendResult receive(EventStore store, int times) {
    AppendResult[] last = new AppendResult[1];
    for (int i = 0; i < times; i++) {
      StreamId item = StreamId.of("item", "screw " + i % 3);
      await()
          .atMost(PATIENCE)
          .pollDelay(Duration.ZERO)
          .ignoreExceptionsInstanceOf(EventStoreException.class)
          .until(
              () ->
                  (last[0] = store.append(item, ExpectedVersion.any(), List.of(new Received(1))))
                      != null);
    }
    return last[0];
  }

  private static Map<String, Long> log(EventStore store) {
    Map<String, Long> stock = new TreeMap<>();
    EventPage page;
    Position after = Position.START;
    do {
      page = store.readPage(after, 1_000);
      page.events()
          .forEach(
              event ->
                  stock.merge(
                      event.stream().key(), ((StockEvent) event.payload()).change(), Long::sum));
      after = page.upTo();
    } while (!page.isLast());
    return stock;
  }
}
