package dev.pgeventstore.examples.branches;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class BranchesTest {

  @Test
  void two_stores_share_a_topic_and_a_reader_proves_the_sequences_of_both(
      PostgresServer server, KafkaBroker kafka) throws Exception {
    Topic topic = new Topic(kafka.bootstrap(), "sales-" + UUID.randomUUID()).create(2);
    try (HikariDataSource berlinPool = Pools.of(server.createDatabase().url(), 6);
        HikariDataSource parisPool = Pools.of(server.createDatabase().url(), 6);
        EventStore berlin = Branches.store(berlinPool);
        EventStore paris = Branches.store(parisPool)) {
      Branches.Outcome outcome = new Branches(berlin, paris, topic, line -> {}).run();

      assertThat(outcome.cents()).isEqualTo(Map.of("berlin", 200_00L, "paris", 300_00L));
      assertThat(outcome.sequences()).as("two relays, two partitions").isEqualTo(4);
      assertThat(outcome.gap()).startsWith(topic.name()).contains("deleted");
    }
  }
}
