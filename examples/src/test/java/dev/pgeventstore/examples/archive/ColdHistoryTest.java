package dev.pgeventstore.examples.archive;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class ColdHistoryTest {

  @Test
  void an_archive_of_the_topic_equals_the_store_and_the_topic_continues_after_it(
      Database database, KafkaBroker kafka, @TempDir Path folder) throws Exception {
    Topic topic = new Topic(kafka.bootstrap(), "parcels-" + UUID.randomUUID()).create(2);
    Path file = folder.resolve("parcels.jsonl");
    try (HikariDataSource pool = Pools.of(database.url(), 6);
        EventStore store = ColdHistory.store(pool)) {
      ColdHistory.Outcome outcome = new ColdHistory(store, topic, line -> {}).run(file);

      assertThat(outcome.archived()).isEqualTo(2 * ColdHistory.PARCELS);
      assertThat(outcome.live()).isEqualTo(ColdHistory.PARCELS);
      assertThat(outcome.damage()).contains("\"Rome\"").contains("\"Lyon\"");
      assertThat(Files.readAllLines(file))
          .hasSize(2 * ColdHistory.PARCELS)
          .allMatch(line -> line.startsWith("{\"position\":"));
    }
  }
}
