package dev.pgeventstore.examples.flaky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class FlakyHandlerTest {

  @Test
  void events_that_always_fail_are_parked_and_replayed_in_order_and_other_streams_continue(
      Database database) throws Exception {
    try (HikariDataSource pool = Pools.of(database.url(), 10);
        EventStore store = FlakyHandler.store(pool)) {
      FlakyHandler.Outcome outcome = new FlakyHandler(pool, store, line -> {}).run();

      List<TaxBook.Entry> expected = new ArrayList<>();
      for (int i = 1; i <= 40; i++) {
        if (i != 13 && i != 27) {
          expected.add(entry(i, 1, i * 100L * (i % 2 == 0 ? 19 : 20) / 100));
        }
      }
      expected.add(entry(1, 2, 9));
      assertThat(outcome.first()).containsExactlyElementsOf(expected);

      assertThat(outcome.parked())
          .extracting(ParkedEvent::stream, ParkedEvent::version, ParkedEvent::attempts)
          .containsExactly(
              tuple(StreamId.of("invoice", "13"), 1L, 3),
              tuple(StreamId.of("invoice", "27"), 1L, 3),
              tuple(StreamId.of("invoice", "13"), 2L, 0));
      assertThat(outcome.parked().get(0).error().orElseThrow()).contains("no rate for country AT");
      assertThat(outcome.parked().get(1).error().orElseThrow()).contains("no tax on -1");
      assertThat(outcome.parked().get(2).error()).isEqualTo(Optional.empty());

      assertThat(outcome.replay().handled()).isEqualTo(2);
      assertThat(outcome.replay().failed())
          .extracting(ParkedEvent::stream)
          .containsExactly(StreamId.of("invoice", "27"));
      assertThat(outcome.discarded()).isTrue();
      expected.add(entry(13, 1, 260));
      expected.add(entry(13, 2, 1_800));
      expected.add(entry(27, 2, 540));
      assertThat(outcome.last()).containsExactlyElementsOf(expected);
      assertThat(outcome.stillParked()).isZero();
    }
  }

  private static TaxBook.Entry entry(int invoice, long version, long tax) {
    return new TaxBook.Entry(Integer.toString(invoice), version, tax);
  }
}
