package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.scheduling.Interleavings;
import dev.pgeventstore.postgres.internal.scheduling.Untimed;
import dev.pgeventstore.postgres.internal.subscribe.Turns.Next;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Work in turns that is woken at any moment, in interleavings that a model checker chooses. No time
 * is ever over: a wake-up that is missed is found as a deadlock.
 */
@Tag("interleavings")
class TurnsInterleavingsTest {

  private static final Next NEVER = Next.afterMillis(Duration.ofDays(1).toMillis());

  /** Work that is over once there is news, which comes before or while it looks, or after. */
  private abstract static class Scene extends Interleavings {

    private final Scheduler scheduler = new Untimed();
    private final Lock lock = scheduler.newLock();
    private final Condition over = lock.newCondition();
    private final AtomicInteger news = new AtomicInteger();
    private final AtomicInteger running = new AtomicInteger();
    private boolean isOver;

    abstract Next take(boolean inThread, boolean hasNews);

    abstract void wake(Turns turns);

    @Override
    protected void play() throws Exception {
      Timer timer = new Timer(scheduler);
      Turns turns =
          new Turns(
              scheduler,
              timer,
              turn -> scheduler.start("looking", turn),
              turn -> scheduler.start("working", turn),
              this::turn);
      turns.wake();
      Thread waking =
          new Thread(
              () -> {
                news.set(1);
                wake(turns);
              });
      waking.start();
      lock.lock();
      try {
        while (!isOver) {
          over.await();
        }
      } finally {
        lock.unlock();
      }
      waking.join();
      Background.close(scheduler, 1, timer.thread());
    }

    private Next turn(boolean inThread) {
      require(running.incrementAndGet() == 1, "never two turns at once");
      Next next = take(inThread, news.get() == 1);
      running.decrementAndGet();
      if (next == Next.OVER) {
        lock.lock();
        try {
          isOver = true;
          over.signalAll();
        } finally {
          lock.unlock();
        }
      }
      return next;
    }
  }

  /** It is woken while it looks. */
  public static final class Looking extends Scene {
    @Override
    Next take(boolean inThread, boolean hasNews) {
      return hasNews ? Next.OVER : NEVER;
    }

    @Override
    void wake(Turns turns) {
      turns.wake();
    }
  }

  @Test
  void work_never_sleeps_over_what_wakes_it() {
    Interleavings.explore(Looking.class, 300);
  }

  /** It is woken while it looks or works, by a thread that looks itself. */
  public static final class Working extends Scene {
    @Override
    Next take(boolean inThread, boolean hasNews) {
      if (!inThread) {
        return Next.IN_THREAD;
      }
      return hasNews ? Next.OVER : NEVER;
    }

    @Override
    void wake(Turns turns) {
      turns.lookNow();
    }
  }

  @Test
  void nor_does_work_that_has_a_thread_of_its_own() {
    Interleavings.explore(Working.class, 300);
  }
}
