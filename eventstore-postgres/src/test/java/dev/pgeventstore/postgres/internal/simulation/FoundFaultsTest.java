package dev.pgeventstore.postgres.internal.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.pgeventstore.postgres.internal.simulation.Plan.Append;
import dev.pgeventstore.postgres.internal.simulation.Plan.Ask;
import dev.pgeventstore.postgres.internal.simulation.Plan.Await;
import dev.pgeventstore.postgres.internal.simulation.Plan.Crash;
import dev.pgeventstore.postgres.internal.simulation.Plan.End;
import dev.pgeventstore.postgres.internal.simulation.Plan.Failover;
import dev.pgeventstore.postgres.internal.simulation.Plan.Query;
import dev.pgeventstore.postgres.internal.simulation.Plan.Setting;
import dev.pgeventstore.postgres.internal.simulation.Plan.Subscribe;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The plans of faults that the simulation has found. Each was seen failing, and stays mended. */
class FoundFaultsTest {

  /** The order of steps changes with the code, so each plan is run in many. */
  private static final int ORDERS = 20;

  private static Stream<Arguments> plans() {
    return Stream.of(
        arguments(
            "readers of different pace are given the events of pages that overlap twice",
            new Plan(
                62L,
                new Setting(2, 0, 5, 2000, 0, 150),
                List.of(
                    new Append(0, -1, 3, 3, 30, 9000, 0, 5, End.COMMIT),
                    new Subscribe(0, 0, "view3", Query.TYPE_X, 100, 2, 0, 10, 50, true),
                    new Subscribe(98, 0, "view2", Query.TYPE_X_OF_B, 20, 1, 6000, 0, 0, true),
                    new Subscribe(2033, 0, "view1", Query.TYPE_X, 20, 1, 0, 10, 3, true)))),
        arguments(
            "a client is given positions that a crash takes back",
            new Plan(
                6029L,
                new Setting(10, 1000, 5, 0, 0, 90),
                List.of(
                    new Append(1612, 0, 3, 61, 1, 10, 0, 400, End.COMMIT_ASYNCHRONOUSLY),
                    new Ask(1314, 0, Query.TYPE_X, 1, 1),
                    new Crash(7095, 1)))),
        arguments(
            "an append that a failover has lost is taken for the one at its position",
            new Plan(
                4019L,
                new Setting(4, 30, 40, 0, 0, 100),
                List.of(
                    new Subscribe(802, 0, "view", Query.ALL, 5, 4, 400, 40, 0, true),
                    new Await(1716, 0, "view", 30),
                    new Failover(1946, 1, 1)))),
        arguments(
            "an append after a failover that nobody has observed is taken for an earlier one",
            new Plan(
                4048L,
                new Setting(10, 0, 5, 0, 0, 100),
                List.of(
                    new Subscribe(203, 0, "view", Query.ALL, 30, 4, 100, 0, 3, true),
                    new Await(1037, 0, "view", 30),
                    new Failover(6363, 10, 1)))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("plans")
  void a_found_fault_stays_fixed(String fault, Plan plan) {
    for (int i = 0; i < ORDERS; i++) {
      Plan other = plan.with(plan.seed() + i, plan.actions());
      assertThat(Simulation.run(other).failure()).as("%s: %s", fault, other).isNull();
    }
  }
}
