package dev.pgeventstore.examples.fulfilment;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class OrdersToKafkaTest {

  @Test
  void every_committed_order_and_its_changes_reach_the_warehouse(
      PostgresServer server, KafkaBroker kafka) throws Exception {
    List<String> story = new ArrayList<>();
    Topic topic = new Topic(kafka.bootstrap(), "orders-" + UUID.randomUUID()).create(3);
    try (HikariDataSource pool = Pools.of(server.createDatabase().url(), 6);
        EventStore shop = OrdersToKafka.store(pool)) {
      Map<String, String> parcels =
          new OrdersToKafka(shop, server.createDatabase().dataSource(), topic, story::add).run();

      assertThat(parcels).isEqualTo(expected());
      List<String> types = new ArrayList<>();
      topic.readAll(record -> types.add(Topic.header(record, "ce_type")));
      assertThat(types).hasSize(2 * OrdersToKafka.ORDERS);
    }
    assertThat(story)
        .containsSubsequence(
            "The warehouse has handled 30 events. Its parcels: {packed=30}",
            "The warehouse goes on where it was, and has handled 30 events."
                + " Its parcels: {shipped=24, unpacked=6}");
  }

  private static Map<String, String> expected() {
    Map<String, String> parcels = new TreeMap<>();
    for (int i = 1; i <= OrdersToKafka.ORDERS; i++) {
      parcels.put("order-" + i, i % 5 == 0 ? "unpacked" : "shipped");
    }
    return parcels;
  }
}
