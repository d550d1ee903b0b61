package dev.pgeventstore.examples.lastorders;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.lastorders.OrderEvent.Placed;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class ShopTest {

  @Test
  void the_table_has_the_last_30_orders_of_each_customer_in_the_log(Database database)
      throws Exception {
    List<String> story = new ArrayList<>();
    try (HikariDataSource pool = Pools.of(database.url(), 6);
        EventStore store = Shop.store(pool)) {
      Shop shop = new Shop(pool, store, story::add);
      Map<String, List<LastOrders.Order>> table = shop.run(200);

      assertThat(table.get("ann")).hasSize(30).isEqualTo(logged("ann", store));
      assertThat(table.get("ben")).hasSize(30).isEqualTo(logged("ben", store));
      assertThat(table.get("cem")).hasSize(10).isEqualTo(logged("cem", store));

      // The subscription resumes where it stopped, while the log grows.
      Map<String, List<LastOrders.Order>> later = shop.run(101);

      assertThat(later.get("ann")).hasSize(30).isEqualTo(logged("ann", store));
      assertThat(later.get("ben")).hasSize(30).isEqualTo(logged("ben", store));
      assertThat(later.get("cem")).hasSize(15).isEqualTo(logged("cem", store));
    }
    assertThat(story).contains("ann: the last 30 orders, from order 199 back to order 161");
  }

  private static List<LastOrders.Order> logged(String customer, EventStore store) {
    List<RecordedEvent> log = store.readPage(Position.START, 10_000).events();
    List<LastOrders.Order> orders = new ArrayList<>();
    for (RecordedEvent event : log) {
      if (event.payload() instanceof Placed placed && placed.customer().equals(customer)) {
        boolean shipped =
            log.stream().anyMatch(e -> e.stream().equals(event.stream()) && e.version() == 2);
        orders.add(0, new LastOrders.Order(event.stream().key(), placed.cents(), shipped));
      }
    }
    return orders.subList(0, Math.min(30, orders.size()));
  }
}
