package dev.pgeventstore.examples.fulfilment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pgeventstore.examples.topics.Topic;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Another service, with its own database. It depends on the shop only by the topic: by the types of
 * the events, and the JSON of those that it handles.
 */
final class Warehouse {

  private static final Duration POLL = Duration.ofMillis(200);

  private final DataSource database;
  private final Topic orders;
  private final ObjectMapper json = new ObjectMapper();

  Warehouse(DataSource database, Topic orders) {
    this.database = database;
    this.orders = orders;
  }

  /**
   * Handles all events that are in the topic, and returns their number. A real service would
   * continue, and wait for more.
   */
  int work() throws SQLException, JsonProcessingException {
    int handled = 0;
    try (Consumer<String, String> consumer = orders.subscribe("warehouse");
        Connection connection = database.getConnection()) {
      while (!Topic.isAtEnd(consumer)) {
        for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
          handle(record, connection);
          handled++;
        }
        // The offsets are committed after the work, so that no event is skipped. After a crash
        // between the two, the last events are handled again, which changes nothing here.
        consumer.commitSync();
      }
    }
    return handled;
  }

  private void handle(ConsumerRecord<String, String> record, Connection connection)
      throws SQLException, JsonProcessingException {
    String order = record.key();
    switch (Topic.header(record, "ce_type")) {
      case "order-placed" -> {
        String article = json.readTree(record.value()).required("article").asText();
        Parcels.pack(order, article, connection);
      }
      case "order-paid" -> Parcels.ship(order, connection);
      case "order-cancelled" -> Parcels.unpack(order, connection);
      default -> {
        // The warehouse ignores types that the shop has added since.
      }
    }
  }
}
