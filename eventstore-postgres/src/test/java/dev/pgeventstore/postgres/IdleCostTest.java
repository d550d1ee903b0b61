package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the database sees of subscriptions while nothing happens. */
@ExtendWith(PostgresExtension.class)
class IdleCostTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int OBSERVATIONS = 24;
  private static final int MOST_A_SECOND = 5;
  private static final int MOST_CONNECTIONS = 3;

  /** The default. */
  private static final double POLL_SECONDS = 0.25;

  // A slow machine makes the time longer that the statements are counted in, never shorter.
  @ParameterizedTest
  @ValueSource(ints = {1, 100})
  void subscriptions_with_nothing_to_do_ask_five_times_a_second_however_many_they_are(
      int count, Database database) throws Exception {
    try (TestStore pool = new TestStore(database)) {
      CountingDataSource counting = new CountingDataSource(pool.pool);
      List<Subscription> running = new ArrayList<>();
      try (PostgresEventStore store =
          PostgresEventStore.builder(counting).codec(JacksonCodec.of(EventTypes.none())).build()) {
        for (int i = 0; i < count; i++) {
          running.add(
              Subscriptions.of(store)
                  .create("view-" + i)
                  .category("category" + i % 10)
                  .handler(batch -> {})
                  .start());
        }
        AppendResult last =
            store.append(
                StreamId.of("category0", "1"),
                ExpectedVersion.any(),
                List.of(TestStore.raw("happened")));
        // Also those that do not want it remember that they have passed it.
        await()
            .atMost(PATIENCE)
            .until(
                () ->
                    pool.query(
                            "select count(*) from eventstore.subscriptions where position = "
                                + last.position())
                        .equals(Integer.toString(count)));
        counting.reset();
        long started = System.nanoTime();

        int mostConnections = 0;
        while (observations(counting.statements()) < OBSERVATIONS) {
          assertThat(System.nanoTime() - started).isLessThan(PATIENCE.toNanos());
          mostConnections =
              Math.max(mostConnections, pool.pool.getHikariPoolMXBean().getActiveConnections());
          TimeUnit.MILLISECONDS.sleep(5);
        }
        List<String> statements = counting.statements();
        double seconds = (System.nanoTime() - started) / 1e9;

        assertThat(statements.size())
            .as("in %.1f s: %s", seconds, statements)
            .isLessThanOrEqualTo((int) (MOST_A_SECOND * seconds) + 3);
        // The first may have been on its way when counting began, and the next come soon after it.
        assertThat(seconds).isGreaterThan((OBSERVATIONS - 3) * POLL_SECONDS);
        assertThat(mostConnections).isLessThanOrEqualTo(MOST_CONNECTIONS);
        running.forEach(Subscription::close);
      }
    }
  }

  private static long observations(List<String> statements) {
    return statements.stream().filter(sql -> sql.contains("observe_fence")).count();
  }
}
