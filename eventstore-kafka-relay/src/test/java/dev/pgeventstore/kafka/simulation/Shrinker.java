package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.kafka.simulation.Plan.Action;
import java.util.ArrayList;
import java.util.List;

/** Leaves out of a plan that fails what it does not need to fail. */
final class Shrinker {

  /** Without an action all that follows comes in another order, so some are tried. */
  private static final int ORDERS = 12;

  private final long deadline;
  private Plan smallest;

  private Shrinker(Plan failing, long nanos) {
    this.smallest = failing;
    this.deadline = System.nanoTime() + nanos;
  }

  static Plan shrink(Plan failing, long nanos) {
    Shrinker shrinker = new Shrinker(failing, nanos);
    while (shrinker.leavesSomethingOut()) {
      // From the beginning, as long as there is time.
    }
    return shrinker.smallest;
  }

  private boolean leavesSomethingOut() {
    for (int i = smallest.actions().size() - 1; i >= 0; i--) {
      List<Action> fewer = new ArrayList<>(smallest.actions());
      fewer.remove(i);
      if (fails(fewer)) {
        return true;
      }
    }
    return false;
  }

  private boolean fails(List<Action> actions) {
    for (int i = 0; i < ORDERS && System.nanoTime() < deadline; i++) {
      Plan tried = smallest.with(smallest.seed() + i, actions);
      if (Simulation.run(tried).failure() != null) {
        smallest = tried;
        return true;
      }
    }
    return false;
  }
}
