package dev.pgeventstore.examples.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class QuickstartTest {

  @Test
  void the_tour_ends_with_the_right_balances_in_sql_and_every_event_in_kafka(
      Database database, KafkaBroker kafka) throws Exception {
    List<String> story = new ArrayList<>();
    String topic = "accounts-" + UUID.randomUUID();
    try (HikariDataSource pool = Quickstart.pool(database.url())) {
      Tour.Outcome outcome = new Tour(pool, kafka.bootstrap(), topic, story::add).run();

      assertThat(outcome.balances()).isEqualTo(Map.of("ann", 0L, "ben", 55_00L));
      assertThat(outcome.conflict())
          .hasValueSatisfying(
              conflict ->
                  assertThat(conflict.conflicts())
                      .containsExactly(
                          Conflict.StreamVersion.of(
                              StreamId.of("account", "ann"), ExpectedVersion.exactly(3), 4)));
      assertThat(outcome.published()).hasSize(9).doesNotHaveDuplicates();
      assertThat(of("account-ann", outcome.published()))
          .extracting(record -> record.split(" +")[1])
          .containsExactly("1", "2", "3", "4", "5");
      assertThat(of("account-ben", outcome.published()))
          .extracting(record -> record.split(" +")[1])
          .containsExactly("1", "2", "3", "4");
    }
    assertThat(story)
        .anyMatch(line -> line.startsWith("1. "))
        .anyMatch(line -> line.startsWith("5. "));
  }

  @Test
  void the_tour_can_be_run_again_on_the_same_servers(Database database, KafkaBroker kafka)
      throws Exception {
    String topic = "accounts-" + UUID.randomUUID();
    try (HikariDataSource pool = Quickstart.pool(database.url())) {
      Tour tour = new Tour(pool, kafka.bootstrap(), topic, line -> {});
      tour.run();

      Tour.Outcome again = tour.run();

      assertThat(again.balances()).isEqualTo(Map.of("ann", 0L, "ben", 110_00L));
      assertThat(again.published()).hasSize(9 + 7).doesNotHaveDuplicates();
    }
  }

  private static List<String> of(String stream, List<String> records) {
    return records.stream().filter(record -> record.startsWith(stream + " ")).toList();
  }
}
