package dev.pgeventstore.examples.histories;

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
class LongHistoryTest {

  @Test
  void a_history_of_100_000_events_gives_the_same_state_with_and_without_a_snapshot(
      Database database) {
    List<String> story = new ArrayList<>();
    try (HikariDataSource pool = Pools.of(database.url(), 4);
        EventStore store = LongHistory.store(pool)) {
      LongHistory.Outcome outcome = new LongHistory(store, story::add).run(100_000);

      // Each remainder of a division by a thousand occurs a hundred times.
      long used = 100L * 999 * 1000 / 2;
      assertThat(outcome.full().state()).isEqualTo(new Meter(100_000, used, 999));
      assertThat(outcome.discarded().state()).isEqualTo(new Meter(100_001, used + 7, 999));
      assertThat(outcome.quick().state()).isEqualTo(new Meter(100_002, used + 15, 999));
      assertThat(outcome.quick().version()).isEqualTo(100_003);
      assertThat(outcome.peak()).isEqualTo(peak());
    }
    assertThat(story).anyMatch(line -> line.startsWith("Loaded from a snapshot"));
  }

  /** Readings are numbered from 1, and follow the installation. */
  private static long peak() {
    long number = 100_000;
    while (number * 7919 % 1000 != 999) {
      number--;
    }
    return number + 1;
  }
}
