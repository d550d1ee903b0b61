package dev.pgeventstore.internal.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkersTest {

  private final Workers workers = new Workers(Scheduler.threads(), "worker");
  private final Set<Thread> used = ConcurrentHashMap.newKeySet();

  @AfterEach
  void close() {
    workers.close();
  }

  @Test
  void all_tasks_run_at_once() throws Exception {
    CyclicBarrier together = new CyclicBarrier(5);
    List<CountDownLatch> done = IntStream.range(0, 4).mapToObj(i -> new CountDownLatch(1)).toList();
    for (CountDownLatch one : done) {
      workers.execute(
          () -> {
            meet(together);
            one.countDown();
          });
    }
    meet(together);
    for (CountDownLatch one : done) {
      assertThat(one.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void consecutive_tasks_are_run_by_few_threads() throws Exception {
    for (int i = 0; i < 200; i++) {
      CountDownLatch done = new CountDownLatch(1);
      workers.execute(
          () -> {
            used.add(Thread.currentThread());
            done.countDown();
          });
      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    }
    // The one before may not be back yet when the next piece comes.
    assertThat(used).hasSizeLessThan(20);
  }

  @Test
  void an_interrupt_that_a_task_leaves_behind_disturbs_no_other_task() throws Exception {
    for (int i = 0; i < 100; i++) {
      CountDownLatch done = new CountDownLatch(2);
      workers.execute(
          () -> {
            Thread.currentThread().interrupt();
            done.countDown();
          });
      workers.execute(done::countDown);
      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void no_more_threads_run_than_the_limit() throws Exception {
    try (Workers two = new Workers(Scheduler.threads(), "two", 2)) {
      CyclicBarrier together = new CyclicBarrier(2);
      AtomicInteger atWork = new AtomicInteger();
      AtomicInteger most = new AtomicInteger();
      CountDownLatch done = new CountDownLatch(100);
      for (int i = 0; i < 100; i++) {
        two.execute(
            () -> {
              most.accumulateAndGet(atWork.incrementAndGet(), Math::max);
              meet(together);
              atWork.decrementAndGet();
              done.countDown();
            });
      }

      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(most).hasValue(2);
    }
  }

  @Test
  void tasks_that_wait_for_a_thread_run_in_their_order() throws Exception {
    try (Workers one = new Workers(Scheduler.threads(), "one", 1)) {
      List<Integer> order = new CopyOnWriteArrayList<>();
      CountDownLatch done = new CountDownLatch(100);
      for (int i = 0; i < 100; i++) {
        int number = i;
        one.execute(
            () -> {
              order.add(number);
              done.countDown();
            });
      }

      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(order).isSorted();
    }
  }

  @Test
  void a_failing_task_does_not_stop_waiting_ones() throws Exception {
    try (Workers one = new Workers(Scheduler.threads(), "one", 1)) {
      CountDownLatch waits = new CountDownLatch(1);
      CountDownLatch done = new CountDownLatch(1);
      one.execute(
          () -> {
            await(waits);
            Thread.currentThread().setUncaughtExceptionHandler((thread, failure) -> {});
            throw new IllegalStateException("it fails");
          });
      one.execute(done::countDown);
      waits.countDown();

      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void work_for_which_no_thread_can_be_started_is_refused_and_never_done() throws Exception {
    FewThreads threads = new FewThreads();
    try (Workers one = threads.workers(1)) {
      List<String> order = new CopyOnWriteArrayList<>();
      threads.none();
      assertThatThrownBy(() -> one.execute(() -> order.add("refused")))
          .isInstanceOf(OutOfMemoryError.class);
      threads.enough();
      CountDownLatch done = new CountDownLatch(1);
      one.execute(
          () -> {
            order.add("done");
            done.countDown();
          });

      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(order).containsExactly("done");
    }
  }

  @Test
  void what_waits_is_done_although_no_thread_can_take_the_place_of_one_that_has_failed()
      throws Exception {
    FewThreads threads = new FewThreads();
    try (Workers one = threads.workers(1)) {
      CountDownLatch waits = new CountDownLatch(1);
      CountDownLatch done = new CountDownLatch(2);
      CountDownLatch failed = new CountDownLatch(1);
      one.execute(
          () -> {
            await(waits);
            Thread.currentThread()
                .setUncaughtExceptionHandler((thread, failure) -> failed.countDown());
            throw new IllegalStateException("it fails");
          });
      one.execute(done::countDown);
      one.execute(done::countDown);
      threads.none();
      waits.countDown();

      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(failed.await(10, TimeUnit.SECONDS)).isTrue();
      // It is counted no more: there may be another one.
      threads.enough();
      CountDownLatch more = new CountDownLatch(1);
      one.execute(more::countDown);
      assertThat(more.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void closed_workers_accept_no_tasks() {
    workers.close();

    assertThatThrownBy(() -> workers.execute(() -> {}))
        .isInstanceOf(RejectedExecutionException.class);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Threads that cannot always be started, as where the system gives no more. */
  private static final class FewThreads implements InvocationHandler {
    private volatile boolean none;

    /** With these threads. */
    Workers workers(int most) {
      Scheduler scheduler =
          (Scheduler)
              Proxy.newProxyInstance(
                  getClass().getClassLoader(), new Class<?>[] {Scheduler.class}, this);
      return new Workers(scheduler, "few", most);
    }

    void none() {
      none = true;
    }

    void enough() {
      none = false;
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
      if (none && method.getName().equals("start")) {
        throw new OutOfMemoryError("unable to create native thread");
      }
      return method.invoke(Scheduler.threads(), arguments);
    }
  }

  private static void meet(CyclicBarrier barrier) {
    try {
      barrier.await(10, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
