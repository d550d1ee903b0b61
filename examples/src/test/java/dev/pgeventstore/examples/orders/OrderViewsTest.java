package dev.pgeventstore.examples.orders;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class OrderViewsTest {

  @Test
  void views_of_orders_are_equal_however_they_are_kept_and_nothing_is_read_twice(Database database)
      throws Exception {
    List<String> story = new ArrayList<>();
    try (HikariDataSource pool = Pools.of(database.url(), 10);
        EventStore store = OrderViews.store(pool)) {
      OrderViews.Outcome outcome = new OrderViews(pool, store, story::add).run(2_000);

      assertThat(outcome.byStatus()).isEqualTo(Map.of("placed", 1_999L, "shipped by bicycle", 1L));
      assertThat(outcome.handledAgain()).isEqualTo(1);
      assertThat(outcome.onDemand()).isEqualTo(outcome.byStatus());
      assertThat(outcome.ofOneOrder()).isEqualTo(Map.of("shipped by bicycle", 1L));
      assertThat(outcome.inline()).isEqualTo(Map.of("shipped by train", 1L));
    }
    assertThat(story).contains("The view has 2,000 orders.");
  }
}
