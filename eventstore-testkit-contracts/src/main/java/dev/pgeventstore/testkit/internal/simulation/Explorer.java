package dev.pgeventstore.testkit.internal.simulation;

import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Choices;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Node;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Plays a scene of a few threads in many orders of its steps: first in all orders without a
 * preemption, then in those with one preemption, then with two (<a
 * href="https://doi.org/10.1145/1250734.1250785">Iterative context bounding</a>, Musuvathi and
 * Qadeer 2007). A preemption is a point at which a thread gives way although it could go on. Most
 * faults of threads show with few preemptions, and there are few orders with few preemptions.
 *
 * <p>A jump of the clock also counts as a preemption: it jumps to a deadline, by a second at most,
 * although a thread could run, as if that thread were slow. If there are more orders than
 * requested, a fixed seed picks some. So an exploration is repeated exactly.
 */
public final class Explorer {

  private static final long STEP_NANOS = 1_000;
  private static final long LONGEST_JUMP_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long FAR_NANOS = TimeUnit.DAYS.toNanos(1);
  private static final long MOST_STEPS = 20_000;
  private static final int PRINTED = 200;

  private final Scene scene;
  private final int preemptions;
  private final int most;
  private final SplittableRandom random = new SplittableRandom(4711);

  private Explorer(Scene scene, int preemptions, int most) {
    this.scene = scene;
    this.preemptions = preemptions;
    this.most = most;
  }

  /** A scene, which is played once for each order. */
  @FunctionalInterface
  public interface Scene {

    /**
     * Starts threads, waits for their end, and throws if the result is wrong. No thread may be
     * left.
     */
    void play(Node node) throws Exception;
  }

  /**
   * The result of an exploration.
   *
   * @param schedules how many orders were played
   * @param failure the failure in the last order; null if there was none
   */
  public record Outcome(int schedules, @Nullable String failure) {}

  /**
   * Plays a scene until something fails.
   *
   * @param preemptions how often a thread may have to give way
   * @param most how many orders to play, for each number of preemptions
   */
  public static Outcome explore(Scene scene, int preemptions, int most) {
    return new Explorer(scene, preemptions, most).explore();
  }

  private Outcome explore() {
    int schedules = 0;
    List<int[]> now = new ArrayList<>(List.of(new int[0]));
    for (int level = 0; level <= preemptions; level++) {
      Sample next = new Sample();
      for (int played = 0; played < most && !now.isEmpty(); played++) {
        Schedule schedule = new Schedule(takeAny(now), preemptions);
        schedules++;
        Throwable failure = play(schedule, new SimulatedScheduler(schedule, MOST_STEPS, 0));
        if (failure != null) {
          return new Outcome(schedules, describe(schedules, level, schedule, failure));
        }
        schedule.branch(now, next);
      }
      now = next.schedules;
    }
    return new Outcome(schedules, null);
  }

  private int[] takeAny(List<int[]> from) {
    int index = random.nextInt(from.size());
    int[] taken = from.get(index);
    from.set(index, from.get(from.size() - 1));
    from.remove(from.size() - 1);
    return taken;
  }

  private @Nullable Throwable play(Schedule schedule, SimulatedScheduler scheduler) {
    Node node = scheduler.node("scene");
    try {
      scheduler.run(
          node,
          () -> {
            try {
              scene.play(node);
            } catch (Exception e) {
              throw new AssertionError(e);
            }
            node.pause(FAR_NANOS);
            scheduler.requireAllEnded();
          });
      schedule.requireReplayed();
      return null;
    } catch (Throwable e) {
      return e;
    }
  }

  private String describe(int schedules, int level, Schedule found, Throwable failure) {
    Schedule same = new Schedule(found.deviations, preemptions);
    SimulatedScheduler traced = new SimulatedScheduler(same, MOST_STEPS, PRINTED);
    Throwable again = play(same, traced);
    return "schedule %d, with %d preemptions: %s%n%s%n%s"
        .formatted(
            schedules,
            level,
            failure,
            String.join(System.lineSeparator(), traced.trace()),
            again == null ? "It does not fail again." : again);
  }

  /** A sample of schedules, each as likely as any other. */
  private final class Sample {
    private final List<int[]> schedules = new ArrayList<>();
    private int seen;

    void add(int[] schedule) {
      seen++;
      if (schedules.size() < most) {
        schedules.add(schedule);
      } else {
        int index = random.nextInt(seen);
        if (index < most) {
          schedules.set(index, schedule);
        }
      }
    }
  }

  /**
   * One order, given by its deviations from the order in which every thread goes on as long as it
   * can.
   */
  private static final class Schedule implements Choices {

    /** Pairs: the number of a decision, and the option that is chosen there instead of 0. */
    private final int[] deviations;

    private final int preemptions;
    private final List<Decision> decisions = new ArrayList<>();
    private int replayed;
    private int used;

    Schedule(int[] deviations, int preemptions) {
      this.deviations = deviations;
      this.preemptions = preemptions;
    }

    private record Decision(int options, boolean preempts) {}

    private int decide(int options, boolean preempts) {
      int chosen = 0;
      if (replayed < deviations.length && deviations[replayed] == decisions.size()) {
        chosen = deviations[replayed + 1];
        replayed += 2;
        used += preempts ? 1 : 0;
      }
      decisions.add(new Decision(options, preempts));
      if (chosen >= options) {
        throw new IllegalStateException("the scene is not the same when it is played again");
      }
      return chosen;
    }

    /** Adds the orders with one more deviation, later than those of this one. */
    void branch(List<int[]> now, Sample next) {
      int from = deviations.length == 0 ? 0 : deviations[deviations.length - 2] + 1;
      for (int number = from; number < decisions.size(); number++) {
        Decision decision = decisions.get(number);
        for (int option = 1; option < decision.options; option++) {
          int[] more = Arrays.copyOf(deviations, deviations.length + 2);
          more[deviations.length] = number;
          more[deviations.length + 1] = option;
          if (decision.preempts) {
            next.add(more);
          } else {
            now.add(more);
          }
        }
      }
    }

    void requireReplayed() {
      if (replayed < deviations.length) {
        throw new IllegalStateException("the scene is not the same when it is played again");
      }
    }

    @Override
    public long stepNanos() {
      return STEP_NANOS;
    }

    @Override
    public boolean mayGiveWay() {
      return used < preemptions;
    }

    @Override
    public boolean jumps(long nanos) {
      return used < preemptions && nanos <= LONGEST_JUMP_NANOS && decide(2, true) == 1;
    }

    @Override
    public int next(int tasks, int current) {
      if (tasks == 1) {
        return 0;
      }
      int chosen = decide(tasks, current >= 0);
      if (current < 0) {
        return chosen;
      }
      // The first option is to go on with the current task; the others follow.
      return chosen == 0 ? current : chosen <= current ? chosen - 1 : chosen;
    }

    @Override
    public boolean wakesForNoReason() {
      return false;
    }
  }
}
