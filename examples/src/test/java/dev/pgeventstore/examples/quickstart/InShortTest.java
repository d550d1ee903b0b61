package dev.pgeventstore.examples.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class InShortTest {

  @Test
  void the_code_of_the_readme_does_what_it_says(Database database, KafkaBroker kafka)
      throws Exception {
    BankTopic topic = new BankTopic(kafka.bootstrap(), "accounts");
    assumeThat(topic.create()).as("a broker that has seen no other store's accounts").isTrue();
    List<String> handled = new ArrayList<>();
    try (HikariDataSource pool = Quickstart.pool(database.url())) {
      InShort.run(
          pool, topic.client(), EventHandler.each((event, batch) -> handled.add(event.type())));
    }

    assertThat(handled)
        .containsExactly(
            "account-opened",
            "money-deposited",
            "account-opened",
            "money-withdrawn",
            "money-withdrawn",
            "money-deposited");
    assertThat(topic.read()).hasSize(6);
  }
}
