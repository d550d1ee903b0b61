package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.kafka.simulation.Plan.Focus;
import dev.pgeventstore.testkit.internal.simulation.MutatedCode;
import dev.pgeventstore.testkit.internal.simulation.MutatedCode.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * The relay with a mistake in it.
 *
 * @param name what is wrong with it
 * @param focus of the plans that are to find it
 * @param changes what is changed
 */
record Mutant(String name, Focus focus, List<Change> changes) {

  private static final String PACKAGE = "dev.pgeventstore.kafka.";

  Mutant(String name, Focus focus, String source, String was, String becomes) {
    this(name, focus, List.of(new Change(source, was, becomes)));
  }

  Mutant and(String source, String was, String becomes) {
    List<Change> more = new ArrayList<>(changes);
    more.add(new Change(source, was, becomes));
    return new Mutant(name, focus, more);
  }

  @Override
  public String toString() {
    return name;
  }

  /** How the simulation runs in the mutant: the failure that the plan of a seed and focus finds. */
  @SuppressWarnings("unchecked")
  BiFunction<Long, String, Optional<String>> simulation() throws Exception {
    return (BiFunction<Long, String, Optional<String>>)
        new MutatedCode(PACKAGE, name, changes).make(Runs.class);
  }

  /** One run, with no type in its signature that exists once for each mutant. */
  static final class Runs implements BiFunction<Long, String, Optional<String>> {

    Runs() {}

    @Override
    public Optional<String> apply(Long seed, String focus) {
      Simulation.Outcome outcome = Simulation.run(Plan.random(seed, Focus.valueOf(focus)));
      return Optional.ofNullable(outcome.failure()).map(Throwable::toString);
    }
  }
}
