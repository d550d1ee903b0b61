package shop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The test kit's servers, as a project gets them from the bill of materials. */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class ShopTest {

  @Test
  void an_order_is_appended_loaded_and_seen(Database database) throws Exception {
    assertEquals(
        "ann Placed[customer=ann, at=1970-01-01T00:00:00Z]", Shop.run(database.dataSource()));
  }

  @Test
  void an_order_is_published(Database database, KafkaBroker broker) throws Exception {
    Map<String, Object> kafka = Map.of("bootstrap.servers", broker.bootstrap());
    try (Admin admin = Admin.create(kafka)) {
      admin.createTopics(List.of(new NewTopic("orders", Optional.of(1), Optional.empty()))).all().get();
    }
    try (EventStore store =
            PostgresEventStore.builder(database.dataSource())
                .codec(JacksonCodec.of(EventTypes.of(Shop.OrderEvent.class)))
                .build();
        KafkaRelay relay =
            KafkaRelay.builder(store, kafka).name("orders").topic("orders").start()) {
      AppendResult placed =
          store.append(
              StreamId.of("order", "2"),
              ExpectedVersion.noStream(),
              List.of(new Shop.Placed("ben", Instant.EPOCH)));
      relay.awaitPublished(placed, Duration.ofSeconds(60));
    }
  }
}
