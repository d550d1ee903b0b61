package dev.pgeventstore.examples.loans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Tag("faults")
class LoanRunTest {

  @Test
  void the_real_log_gives_its_known_figures_and_a_second_run_appends_nothing(
      Database database, KafkaBroker broker) throws Exception {
    Path file = LoanFile.orSkip();
    LoanTopic topic = new LoanTopic(broker.bootstrap(), "loans-" + UUID.randomUUID());
    LoanRun run = new LoanRun(database.url(), topic, System.out::println);

    LoanRun.Result first = run.run(file);
    assertKnownFigures(first.figures());
    assertThat(first.imported().appended()).isEqualTo(262_200);
    assertThat(first.imported().alreadyThere()).isZero();
    assertThat(first.published()).contains(new LoanTopic.Content(262_200, 13_087));

    LoanRun.Result second = run.run(file);
    assertThat(second.figures()).isEqualTo(first.figures());
    assertThat(second.published()).isEqualTo(first.published());
    assertThat(second.imported().appended()).isZero();
    assertThat(second.imported().alreadyThere()).isEqualTo(262_200);
  }

  private static void assertKnownFigures(LoanFigures figures) {
    assertThat(figures.applications()).isEqualTo(13_087);
    assertThat(figures.events()).isEqualTo(262_200);
    assertThat(figures.mostEvents()).isEqualTo(175);
    assertThat(figures.amountRequested()).isEqualTo(177_634_511);
    assertThat(figures.lifecycles())
        .containsExactly(
            Map.entry("COMPLETE", 164_506L),
            Map.entry("START", 71_376L),
            Map.entry("SCHEDULE", 26_318L));
    assertThat(figures.eventsWithoutResource()).isEqualTo(18_010);
    assertThat(figures.resources()).isEqualTo(68);
    assertThat(figures.outcomes())
        .containsExactly(
            Map.entry("DECLINED", 7_635L),
            Map.entry("CANCELLED", 2_807L),
            Map.entry("ACTIVATED", 2_246L),
            Map.entry("none", 399L));
    assertThat(figures.firstAt()).contains(Instant.parse("2011-09-30T22:38:44.546Z"));
    assertThat(figures.lastAt()).contains(Instant.parse("2012-03-14T15:04:54.681Z"));
    assertThat(figures.activities().entrySet().stream().limit(3))
        .containsExactly(
            Map.entry("W_Completeren aanvraag", 54_850L),
            Map.entry("W_Nabellen offertes", 52_016L),
            Map.entry("W_Nabellen incomplete dossiers", 25_190L));
  }
}
