package dev.pgeventstore.postgres;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Runs {@link SubscriptionTorture} with seeds of the moment, odd ones first, each printed; {@code
 * -Dtorture.seed} repeats one.
 */
@Tag("faults")
class SubscriptionTortureTest {

  @Test
  void a_projection_on_three_nodes_agrees_with_the_log_despite_all_faults() throws Exception {
    torture(1, Duration.ofSeconds(20), false);
  }

  @Test
  @Tag("soak")
  void a_projection_on_three_nodes_agrees_with_the_log_after_a_long_time() throws Exception {
    torture(20, Duration.ofSeconds(60), false);
  }

  @Test
  @Tag("soak")
  void a_projection_whose_partitions_change_agrees_with_the_log_after_a_long_time()
      throws Exception {
    torture(20, Duration.ofSeconds(60), true);
  }

  private static void torture(int seeds, Duration time, boolean repartitions) throws Exception {
    Long given = Long.getLong("torture.seed");
    long first = given != null ? given : 2 * (System.nanoTime() % 1_000_000_000) + 1;
    for (int i = 0; i < (given != null ? 1 : seeds); i++) {
      try (PostgresServer server = PostgresServer.start()) {
        assumeTrue(server.canBeKilled(), "needs a server that was started here");
        SubscriptionTorture.run(first + i, time, repartitions, server);
      }
    }
  }
}
