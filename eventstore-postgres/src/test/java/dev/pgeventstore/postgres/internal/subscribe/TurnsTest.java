package dev.pgeventstore.postgres.internal.subscribe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.subscribe.Turns.Next;
import dev.pgeventstore.postgres.internal.subscribe.Turns.Threads;
import dev.pgeventstore.postgres.internal.subscribe.Turns.Work;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Node;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Work keeps its turns, whatever becomes of one of them. */
class TurnsTest {

  private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

  private final List<Boolean> turns = new ArrayList<>();

  @Test
  void work_that_fails_in_a_way_that_nobody_foresaw_has_its_turn_again() throws Throwable {
    take(
        List.of(),
        inThread ->
            switch (turns.size()) {
              case 1 -> throw new IllegalStateException("it fails while it looks");
              case 3 -> throw undeclared(new IOException("it fails in its thread"));
              case 5 -> throw new NoClassDefFoundError("so does this");
              default -> inThread ? Next.OVER : Next.IN_THREAD;
            });

    assertThat(turns).containsExactly(false, false, true, false, true, false, true);
  }

  @Test
  void work_for_which_there_is_no_thread_has_its_turn_later() throws Throwable {
    take(
        // The first look, the second thread, and the look after that.
        List.of(1, 3, 4), inThread -> inThread ? Next.OVER : Next.IN_THREAD);

    assertThat(turns).containsExactly(false, false, true);
  }

  /** A checked exception that is not declared, as Kotlin throws them. */
  @SuppressWarnings("unchecked")
  private static <T extends Throwable> RuntimeException undeclared(Throwable e) throws T {
    throw (T) e;
  }

  /**
   * Has work done until it is over.
   *
   * @param without at which of its starts there is no thread
   */
  private void take(List<Integer> without, Work work) throws Throwable {
    SimulatedScheduler simulation = new SimulatedScheduler(1, new Style(2, 0, 5_000), 100_000, 0);
    Node node = simulation.node("node");
    int[] starts = {0};
    boolean[] over = {false};
    Threads threads =
        turn -> {
          if (without.contains(++starts[0])) {
            throw new Error("unable to create native thread");
          }
          node.start("turn", turn);
        };
    simulation.run(
        node,
        () -> {
          new Turns(
                  node,
                  new Timer(node),
                  threads,
                  threads,
                  inThread -> {
                    turns.add(inThread);
                    Next next = work.take(inThread);
                    over[0] = next == Next.OVER;
                    return next;
                  })
              .wake();
          simulation.block(() -> over[0], simulation.after(MINUTE));
        });
  }
}
