package dev.pgeventstore.examples.shortener;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class ShortenerTest {

  @Test
  void tables_of_kafka_streams_have_the_sums_of_the_events(Database database, KafkaBroker kafka)
      throws Exception {
    List<String> story = new ArrayList<>();
    Topic links = new Topic(kafka.bootstrap(), "links-" + UUID.randomUUID()).create(2);
    Topic visits = new Topic(kafka.bootstrap(), "visits-" + UUID.randomUUID()).create(2);
    try (HikariDataSource pool = Pools.of(database.url(), 8);
        EventStore store = Shortener.store(pool)) {
      new Shortener(store, links, visits, story::add).run();
    }

    assertThat(story)
        .containsExactly(
            "Three links, two of them to the same page, and 75 visits:",
            "  https://example.org/docs   40",
            "  https://example.org/news   35",
            "The blog gets a page of its own. Its visits move there, with 5 more:",
            "  https://example.org/blog   15",
            "  https://example.org/docs   40",
            "  https://example.org/news   25",
            "The news are given up. Where the links lead now:",
            "  blog                       https://example.org/blog",
            "  docs                       https://example.org/docs");
  }
}
