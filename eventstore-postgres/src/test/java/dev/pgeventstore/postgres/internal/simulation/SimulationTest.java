package dev.pgeventstore.postgres.internal.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.simulation.Simulation.Outcome;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The engine's own code on the simulated scheduler and database: plan after plan, seed after seed.
 * The package's description says how a seed is run again.
 */
@Order(1)
class SimulationTest {

  /** Set to run one seed, with its last steps printed if it fails. */
  private static final String SEED = "simulation.seed";

  /** Set to run more seeds, or fewer. */
  private static final String RUNS = "simulation.runs";

  /** Set to soak for longer, or shorter. */
  private static final String SECONDS = "simulation.seconds";

  private static final int PRINTED = 150;
  private static final long SHRINKING = TimeUnit.SECONDS.toNanos(20);

  @Test
  void in_every_order_of_steps_and_faults_every_promise_of_the_engine_holds() {
    if (System.getProperty(SEED) != null) {
      run(Long.getLong(SEED));
      return;
    }
    int runs = Integer.getInteger(RUNS, 200);
    for (long seed = 1; seed <= runs; seed++) {
      run(seed);
    }
  }

  @Test
  @Tag("soak")
  void it_holds_for_hours() {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.getLong(SECONDS, 600));
    long seed = System.nanoTime();
    while (System.nanoTime() < end) {
      run(seed++);
    }
  }

  @Test
  void the_same_seed_is_the_same_run() {
    for (long seed = 1; seed <= 20; seed++) {
      Outcome once = Simulation.run(Plan.random(seed));
      Outcome again = Simulation.run(Plan.random(seed));
      assertThat(again.hash()).as("seed %d", seed).isEqualTo(once.hash());
    }
    assertThat(Simulation.run(Plan.random(1)).hash())
        .isNotEqualTo(Simulation.run(Plan.random(2)).hash());
  }

  private static void run(long seed) {
    Plan plan = Plan.random(seed);
    Throwable failure = Simulation.run(plan).failure();
    if (failure == null) {
      return;
    }
    Plan smallest = Shrinker.shrink(plan, SHRINKING);
    Outcome outcome = Simulation.run(smallest, PRINTED);
    throw new AssertionError(
        """
        Seed %d fails: %s
        Run it again with -D%s=%d.

        Shrunk, it fails with: %s

        %s

        The last steps of the shrunk one:
        %s
        """
            .formatted(
                seed,
                failure.getMessage(),
                SEED,
                seed,
                outcome.failure() == null ? "nothing" : outcome.failure().getMessage(),
                smallest,
                String.join("\n", outcome.trace())),
        failure);
  }
}
