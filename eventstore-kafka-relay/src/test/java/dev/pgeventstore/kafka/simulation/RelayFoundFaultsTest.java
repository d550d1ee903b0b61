package dev.pgeventstore.kafka.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.simulation.Plan.Append;
import dev.pgeventstore.kafka.simulation.Plan.Deliver;
import dev.pgeventstore.kafka.simulation.Plan.End;
import dev.pgeventstore.kafka.simulation.Plan.Poison;
import dev.pgeventstore.kafka.simulation.Plan.RestorePositions;
import dev.pgeventstore.kafka.simulation.Plan.Rewind;
import dev.pgeventstore.kafka.simulation.Plan.Setting;
import dev.pgeventstore.kafka.simulation.Plan.Start;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The plans of faults that the simulation has found. Each was seen failing, and stays mended. */
class RelayFoundFaultsTest {

  /** The order of steps changes with the code, so each plan is run in many. */
  private static final int ORDERS = 20;

  private static Stream<Arguments> plans() {
    return Stream.of(
        arguments(
            "a lane whose lead was taken before it began halts, since another one has begun",
            new Plan(
                491L,
                new Setting(
                    4, 30, 40, 0, 0, 32, 3, 4, Delivery.EXACTLY_ONCE, false, true, Poison.PARK),
                List.of(
                    new Start(0, 0),
                    new Start(0, 1),
                    new Start(1737, 2),
                    new Append(5499, -1, 1, 3, 1, 0, 0, 0, 0, End.COMMIT),
                    new Rewind(1494, 100)))),
        arguments(
            "a copy of the position topic that ends within a transaction passes for a whole one",
            new Plan(
                4L,
                new Setting(
                    4, 200, 5, 0, 0, 32, 10, 1, Delivery.EXACTLY_ONCE, false, false, Poison.HALT),
                List.of(
                    new Start(1012, 0),
                    new Start(1943, 1),
                    new Append(3364, -1, 1, 1, 1, 0, 0, 5, 0, End.COMMIT_ASYNCHRONOUSLY),
                    new Append(6751, -1, 3, 25, 3, 0, 5, 0, 0, End.ROLL_BACK),
                    new RestorePositions(3671, 3)))),
        arguments(
            "a relay that was stopped before all its lanes had begun cannot be declared anew",
            new Plan(
                43L,
                new Setting(
                    30, 0, 40, 300, 200, 0, 10, 2, Delivery.EXACTLY_ONCE, true, false, Poison.HALT),
                List.of(new Start(0, 1), new Deliver(513, Delivery.AT_LEAST_ONCE, true)))));
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
