package dev.pgeventstore.examples.hotcache;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class WarehouseTest {

  @Test
  void caches_that_are_filled_while_the_view_changes_miss_nothing_and_count_nothing_twice(
      Database database) throws Exception {
    try (HikariDataSource pool = Warehouse.pool(database.url());
        EventStore store = Warehouse.store(pool)) {
      Warehouse.Outcome outcome = new Warehouse(pool, store, line -> {}).run(20);

      Map<String, Long> log = log(store);
      assertThat(log).containsEntry("delivery", 21L);
      assertThat(outcome.view()).isEqualTo(log);
      assertThat(outcome.caches()).hasSize(20).allSatisfy(c -> assertThat(c).isEqualTo(log));
    }
  }

  private static Map<String, Long> log(EventStore store) {
    Map<String, Long> stock = new TreeMap<>();
    EventPage page;
    Position after = Position.START;
    do {
      page = store.readAll(after, 1_000);
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
