package dev.pgeventstore.examples.exactlyonce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.Watermarks;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
@Order(1)
class ExactlyOnceTest {

  @Test
  void the_ledger_agrees_with_the_bank_to_the_cent_although_relays_and_the_ledger_are_killed(
      PostgresServer server, KafkaBroker kafka) throws Exception {
    List<String> story = new ArrayList<>();
    Topic topic = new Topic(kafka.bootstrap(), "money-" + UUID.randomUUID()).create(2);

    ExactlyOnce.Outcome outcome = ExactlyOnce.run(server, topic, story::add);

    assertThat(outcome.entries()).isEqualTo(outcome.events()).isGreaterThan(500);
    assertThat(outcome.ledger()).hasSize(8).isEqualTo(outcome.bank());
    assertThat(outcome.ledger().values().stream().mapToLong(cents -> cents).sum())
        .isEqualTo(8 * 1_000_00);
    assertThat(story).filteredOn(line -> line.contains("is killed")).hasSize(4);
    assertThat(news(topic))
        .as("each event once, to readers of committed records")
        .hasSize((int) outcome.events())
        .containsOnly(true);
  }

  /** For each committed record, whether it is the next one of its sequence or a repetition. */
  private static List<Boolean> news(Topic topic) {
    List<Boolean> news = new ArrayList<>();
    RecordDecoder decoder = RecordDecoder.of(ExactlyOnce.codec());
    Watermarks marks = Watermarks.exact();
    topic.readAll(record -> news.add(marks.isNew(decoder.decode(record).orElseThrow())));
    return news;
  }
}
