package dev.pgeventstore.examples.push;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class LargePaymentsTest {

  @Test
  void each_large_payment_is_accepted_once_and_in_order_although_responses_are_lost(
      Database database) throws Exception {
    List<String> story = new ArrayList<>();
    try (HikariDataSource pool = Pools.of(database.url(), 6);
        EventStore store = LargePayments.store(pool);
        Receiver receiver = new Receiver()) {
      new LargePayments(store, receiver, story::add).run();

      // The first 10 of 91 payments were made before the start; every third is large.
      List<Integer> large = IntStream.rangeClosed(11, 91).filter(n -> n % 3 == 0).boxed().toList();
      assertThat(receiver.taken())
          .extracting(Receiver.Taken::stream)
          .containsExactlyElementsOf(large.stream().map(n -> "payment-" + n).toList());
      assertThat(receiver.taken())
          .extracting(Receiver.Taken::json)
          .containsExactlyElementsOf(
              large.stream().map(n -> "{\"cents\":%d}".formatted(1_000_00 + n)).toList());
      assertThat(receiver.requests()).as("with repetitions").isGreaterThan(large.size());
    }
    assertThat(story).anyMatch(line -> line.startsWith("13 large payments pushed one by one"));
  }
}
