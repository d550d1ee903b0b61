package dev.pgeventstore.examples.statements;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class PublicEventsTest {

  @Test
  void only_statements_and_orders_leave_the_bank(Database database, KafkaBroker kafka)
      throws Exception {
    Topic statements = new Topic(kafka.bootstrap(), "statements-" + UUID.randomUUID()).create(2);
    Topic payments = new Topic(kafka.bootstrap(), "payments-" + UUID.randomUUID()).create(2);
    try (HikariDataSource pool = Pools.of(database.url(), 6);
        EventStore store = PublicEvents.store(pool)) {
      PublicEvents.Outcome outcome =
          new PublicEvents(store, statements, payments, line -> {}).run();

      String order =
          "bank.payment-order.v1 {\"to\": \"DE02 1203 0000 0000 2020 51\", \"cents\": 4000}";
      assertThat(outcome.payments()).containsExactly(order, order, order);
      assertThat(outcome.statements())
          .containsExactlyInAnyOrder(statement("a1"), statement("a2"), statement("a3"));
      assertThat(store.readPage(Position.START, 1_000).events())
          .as("internal events are where they belong")
          .hasSize(PublicEvents.ACCOUNTS * 13);
    }
  }

  private static String statement(String account) {
    return "bank.statement.v1 {\"account\": \"%s\", \"month\": \"2026-11\", \"cents\": 6000}"
        .formatted(account);
  }
}
