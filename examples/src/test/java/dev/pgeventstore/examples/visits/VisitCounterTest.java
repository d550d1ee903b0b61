package dev.pgeventstore.examples.visits;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class VisitCounterTest {

  @Test
  void a_view_gets_a_new_version_while_it_is_read_and_no_reader_misses_a_visit(Database database)
      throws Exception {
    List<String> story = new ArrayList<>();
    try (HikariDataSource pool = Pools.of(database.url(), 12);
        EventStore store = VisitCounter.store(pool)) {
      VisitCounter.Outcome outcome = new VisitCounter(pool, store, story::add).run(20_000);

      // Every tenth visit before the rebuild is by a machine, and so is the last visit of all.
      assertThat(outcome.bots()).isEqualTo(2_001);
      assertThat(outcome.counted()).isEqualTo(outcome.visits()).isGreaterThan(20_001);
      assertThat(outcome.firstIsGone()).isTrue();
      // The reader fails if the view is missing or goes back, so the view was always complete.
      assertThat(outcome.looks().number()).isGreaterThan(10);
      assertThat(outcome.looks().first()).isGreaterThanOrEqualTo(20_000);
      assertThat(outcome.looks().last()).isGreaterThanOrEqualTo(outcome.looks().first());
    }
    assertThat(story).anyMatch(line -> line.startsWith("Version 2 has taken its place"));
  }
}
