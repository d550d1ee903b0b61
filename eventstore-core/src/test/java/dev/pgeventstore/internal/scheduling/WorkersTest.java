package dev.pgeventstore.internal.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
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
  void all_work_goes_on_at_once() throws Exception {
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
  void work_after_work_is_done_by_few_threads() throws Exception {
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
  void an_interrupt_that_work_leaves_behind_harms_no_other_work() throws Exception {
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
  void once_closed_they_take_no_work() {
    workers.close();

    assertThatThrownBy(() -> workers.execute(() -> {}))
        .isInstanceOf(RejectedExecutionException.class);
  }

  private static void meet(CyclicBarrier barrier) {
    try {
      barrier.await(10, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
