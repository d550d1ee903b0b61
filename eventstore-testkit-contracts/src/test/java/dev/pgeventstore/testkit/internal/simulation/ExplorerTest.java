package dev.pgeventstore.testkit.internal.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Node;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.junit.jupiter.api.Test;

class ExplorerTest {

  private static final int MOST = 10_000;

  private static void join(Scheduler.Task... tasks) throws InterruptedException {
    for (Scheduler.Task task : tasks) {
      assertThat(task.join(Long.MAX_VALUE)).isTrue();
    }
  }

  /** Two threads with three steps each have twenty possible orders. */
  private static Set<String> orders(int preemptions) {
    Set<String> orders = new HashSet<>();
    Explorer.Outcome outcome =
        Explorer.explore(
            node -> {
              StringBuilder order = new StringBuilder();
              join(
                  node.start("a", steps(node, order, 'a')),
                  node.start("b", steps(node, order, 'b')));
              orders.add(order.toString());
            },
            preemptions,
            MOST);
    assertThat(outcome.failure()).isNull();
    return orders;
  }

  private static Runnable steps(Node node, StringBuilder order, char name) {
    return () -> {
      for (int i = 0; i < 3; i++) {
        node.point();
        order.append(name);
      }
    };
  }

  @Test
  void exactly_the_orders_up_to_a_number_of_preemptions_are_played() {
    assertThat(orders(0)).containsExactlyInAnyOrder("aaabbb", "bbbaaa");
    assertThat(orders(1))
        .contains("abbbaa", "aabbba", "baaabb", "bbaaab")
        .doesNotContain("ababab", "bababa");
    assertThat(orders(5)).hasSize(20);
  }

  @Test
  void a_missed_wake_up_is_found() {
    Explorer.Outcome outcome =
        Explorer.explore(
            node -> {
              boolean[] ready = new boolean[1];
              Thread[] waiter = new Thread[1];
              Scheduler.Task waiting =
                  node.start(
                      "waiter",
                      () -> {
                        waiter[0] = Thread.currentThread();
                        node.point();
                        while (!ready[0]) {
                          node.park(ready);
                        }
                      });
              Scheduler.Task waking =
                  node.start(
                      "waking",
                      () -> {
                        node.unpark(waiter[0]);
                        node.point();
                        ready[0] = true;
                      });
              join(waiting, waking);
            },
            2,
            MOST);
    assertThat(outcome.failure()).contains("deadlock");
  }

  @Test
  void an_interrupt_arrives_at_every_step() {
    Set<String> seen = new HashSet<>();
    Explorer.Outcome outcome =
        Explorer.explore(
            node -> {
              List<Boolean> flags = new ArrayList<>();
              Scheduler.Task interrupted =
                  node.start(
                      "interrupted",
                      () -> {
                        for (int i = 0; i < 3; i++) {
                          node.point();
                          flags.add(Thread.currentThread().isInterrupted());
                        }
                      });
              join(interrupted, node.start("interrupter", interrupted::interrupt));
              seen.add(flags.toString());
            },
            1,
            MOST);
    assertThat(outcome.failure()).isNull();
    assertThat(seen)
        .containsExactlyInAnyOrder(
            "[true, true, true]",
            "[false, true, true]",
            "[false, false, true]",
            "[false, false, false]");
  }

  @Test
  void a_park_ends_by_an_interrupt_that_is_kept_and_by_an_unpark_before_it() {
    Explorer.Outcome outcome =
        Explorer.explore(
            node -> {
              Scheduler.Task parked =
                  node.start(
                      "parked",
                      () -> {
                        node.unpark(Thread.currentThread());
                        node.park(node);
                        node.park(node);
                        assertThat(Thread.currentThread().isInterrupted()).isTrue();
                      });
              join(parked, node.start("interrupter", parked::interrupt));
            },
            2,
            MOST);
    assertThat(outcome.failure()).isNull();
  }

  @Test
  void a_thread_that_does_not_end_is_found() {
    Explorer.Outcome outcome =
        Explorer.explore(
            node -> {
              Lock lock = node.newLock();
              Condition never = lock.newCondition();
              node.start(
                  "left",
                  () -> {
                    lock.lock();
                    never.awaitUninterruptibly();
                    lock.unlock();
                  });
            },
            0,
            MOST);
    assertThat(outcome.failure()).contains("threads are left").contains("scene/left");
  }

  @Test
  void an_exploration_is_the_same_when_it_is_repeated() {
    List<List<String>> plays = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      List<String> orders = new ArrayList<>();
      Explorer.explore(
          node -> {
            StringBuilder order = new StringBuilder();
            join(
                node.start("a", steps(node, order, 'a')),
                node.start("b", steps(node, order, 'b')),
                node.start("c", steps(node, order, 'c')));
            orders.add(order.toString());
          },
          3,
          50);
      plays.add(orders);
    }
    assertThat(plays.get(0)).hasSizeGreaterThan(100).isEqualTo(plays.get(1));
  }
}
