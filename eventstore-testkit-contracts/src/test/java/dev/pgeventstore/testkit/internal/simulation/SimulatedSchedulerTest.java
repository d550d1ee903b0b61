package dev.pgeventstore.testkit.internal.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class SimulatedSchedulerTest {

  private static final Style LIVELY = new Style(2, 0, 10_000);

  private static SimulatedScheduler run(long seed, Consumer<SimulatedScheduler.Node> root)
      throws Throwable {
    SimulatedScheduler scheduler = new SimulatedScheduler(seed, LIVELY, 100_000, 0);
    SimulatedScheduler.Node node = scheduler.node("node");
    scheduler.run(node, () -> root.accept(node));
    return scheduler;
  }

  private static void joined(Scheduler.Task... tasks) {
    try {
      for (Scheduler.Task task : tasks) {
        assertThat(task.join(Long.MAX_VALUE)).isTrue();
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void a_lock_is_held_by_one_task_which_can_take_it_several_times() throws Throwable {
    List<Integer> inside = new ArrayList<>();
    run(
        1,
        node -> {
          Lock lock = node.newLock();
          Runnable work =
              () -> {
                for (int i = 0; i < 100; i++) {
                  lock.lock();
                  lock.lock();
                  inside.add(1);
                  lock.unlock();
                  assertThat(inside).hasSize(1);
                  inside.clear();
                  lock.unlock();
                }
              };
          joined(node.start("a", work), node.start("b", work), node.start("c", work));
        });
  }

  @Test
  void steps_without_a_lock_are_interleaved() throws Throwable {
    Set<Integer> outcomes = new HashSet<>();
    for (long seed = 0; seed < 50; seed++) {
      int[] count = new int[1];
      run(
          seed,
          node -> {
            Lock lock = node.newLock();
            Runnable work =
                () -> {
                  int read = count[0];
                  lock.lock();
                  lock.unlock();
                  count[0] = read + 1;
                };
            joined(node.start("a", work), node.start("b", work));
          });
      outcomes.add(count[0]);
    }
    assertThat(outcomes).containsExactlyInAnyOrder(1, 2);
  }

  @Test
  void the_same_seed_gives_the_same_run_and_another_seed_another_run() throws Throwable {
    Consumer<SimulatedScheduler.Node> work =
        node -> {
          Lock lock = node.newLock();
          Runnable loop =
              () -> {
                for (int i = 0; i < 50; i++) {
                  lock.lock();
                  lock.unlock();
                }
              };
          joined(node.start("a", loop), node.start("b", loop), node.start("c", loop));
        };
    long first = run(7, work).hash();
    assertThat(run(7, work).hash()).isEqualTo(first);
    assertThat(run(8, work).hash()).isNotEqualTo(first);
  }

  @Test
  void a_condition_wakes_its_waiter_and_waits_by_the_simulated_clock() throws Throwable {
    List<String> seen = new ArrayList<>();
    run(
        3,
        node -> {
          Lock lock = node.newLock();
          Condition changed = lock.newCondition();
          boolean[] done = new boolean[1];
          Scheduler.Task waiter =
              node.start(
                  "waiter",
                  () -> {
                    lock.lock();
                    try {
                      while (!done[0]) {
                        changed.await();
                      }
                      seen.add("signalled");
                      long left = TimeUnit.DAYS.toNanos(1);
                      while (left > 0) {
                        left = changed.awaitNanos(left);
                      }
                      seen.add("over");
                    } catch (InterruptedException e) {
                      throw new AssertionError(e);
                    } finally {
                      lock.unlock();
                    }
                  });
          lock.lock();
          done[0] = true;
          changed.signal();
          lock.unlock();
          joined(waiter);
          assertThat(node.nanoTime()).isGreaterThanOrEqualTo(0);
        });
    assertThat(seen).containsExactly("signalled", "over");
  }

  @Test
  void a_waiting_task_is_interrupted_and_a_running_one_keeps_its_flag() throws Throwable {
    List<String> seen = new ArrayList<>();
    run(
        4,
        node -> {
          Scheduler.Task sleeper =
              node.start(
                  "sleeper",
                  () -> {
                    try {
                      node.sleep(TimeUnit.DAYS.toNanos(1));
                    } catch (InterruptedException e) {
                      seen.add("interrupted");
                      Thread.currentThread().interrupt();
                      node.newLock().lock();
                      seen.add("flag " + Thread.interrupted());
                    }
                  });
          sleeper.interrupt();
          joined(sleeper);
          assertThat(node.nanoTime()).isLessThan(TimeUnit.DAYS.toNanos(1));
        });
    assertThat(seen).containsExactly("interrupted", "flag true");
  }

  @Test
  void a_task_waits_for_a_future() throws Throwable {
    run(
        5,
        node -> {
          CompletableFuture<String> answer = new CompletableFuture<>();
          node.start("other", () -> answer.complete("done"));
          try {
            assertThat(node.await(answer)).isEqualTo("done");
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
  }

  @Test
  void a_deadlock_a_livelock_and_a_task_that_fails_end_the_run() {
    assertThatThrownBy(
            () ->
                run(
                    6,
                    node -> {
                      Lock lock = node.newLock();
                      lock.lock();
                      joined(node.start("blocked", lock::lock));
                    }))
        .isInstanceOf(AssertionError.class);
    assertThatThrownBy(
            () ->
                run(
                    6,
                    node -> {
                      while (true) {
                        node.newLock().lock();
                      }
                    }))
        .hasMessageContaining("no end after");
    assertThatThrownBy(
            () ->
                run(
                    6,
                    node ->
                        joined(
                            node.start(
                                "fails",
                                () -> {
                                  throw new IllegalStateException("broken");
                                }))))
        .hasMessage("broken");
  }

  @Test
  void a_frozen_node_stops_for_a_time_and_a_killed_node_for_ever() throws Throwable {
    List<String> seen = new ArrayList<>();
    SimulatedScheduler scheduler = new SimulatedScheduler(9, LIVELY, 100_000, 0);
    SimulatedScheduler.Node world = scheduler.node("world");
    scheduler.run(
        world,
        () -> {
          SimulatedScheduler.Node frozen = scheduler.node("frozen");
          SimulatedScheduler.Node killed = scheduler.node("killed");
          frozen.freeze(TimeUnit.SECONDS.toNanos(10));
          Scheduler.Task late = frozen.start("late", () -> seen.add("late"));
          killed.kill();
          killed.start("never", () -> seen.add("never"));
          scheduler.sleep(TimeUnit.SECONDS.toNanos(9));
          seen.add("9 s");
          joined(late);
        });
    assertThat(seen).containsExactly("9 s", "late");
  }
}
