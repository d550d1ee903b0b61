package dev.pgeventstore.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.feed.Lease;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class PipelinedWriterTest {

  @Test
  void who_lost_the_lead_with_something_not_noted_yet_is_told_and_notes_nothing(
      Database database, KafkaBroker broker) {
    try (Bench bench = new Bench(database, broker);
        Lease lease =
            bench.store.feed().tryLease("relay/a", 0, "me", Duration.ofSeconds(30)).orElseThrow()) {
      KafkaSettings settings = new KafkaSettings(bench.kafkaSettings(Map.of()));
      LeaseLeadership leads =
          new LeaseLeadership(
              settings.scheduler(), bench.store.feed(), "relay/b", 0, "me", Duration.ofSeconds(30));
      assertThat(leads.acquire()).isTrue();
      PipelinedWriter writer =
          new PipelinedWriter(
              settings,
              lease,
              leads,
              new TransactionSize(settings.transactionTimeout(), Duration.ofSeconds(10)));
      try {
        writer.commit(Map.of("paused", "a test"), () -> {});
        leads.release();
        assertThatThrownBy(writer::finish)
            .isInstanceOf(KafkaException.class)
            .hasMessageContaining("somebody else may lead");
      } finally {
        writer.close();
      }
      assertThat(lease.notes()).isEmpty();
    }
  }
}
