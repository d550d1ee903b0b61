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
 * Another service, with a database of its own. All it knows of the shop is the topic: the types of
 * the events, and the JSON of those it has an interest in.
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
   * Works until nothing is left to do, and says how many events it has handled. A service would go
   * on, and wait for more.
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
        // After the work, so that nothing is left undone. Whoever dies between the two does the
        // last of it again, and here that changes nothing.
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
        // A type that the shop has added since is nothing to the warehouse.
      }
    }
  }
}
