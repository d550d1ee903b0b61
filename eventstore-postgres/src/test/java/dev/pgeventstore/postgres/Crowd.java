package dev.pgeventstore.postgres;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** The threads of a test, which start at the same time and are waited for with a limit. */
final class Crowd implements AutoCloseable {

  private static final long PATIENCE_SECONDS = 90;

  private final ExecutorService threads = Executors.newCachedThreadPool();

  /** What each of the threads does. */
  interface Deed<T> {
    T by(int thread) throws Exception;
  }

  /** Begins, and does not wait. */
  <T> List<Future<T>> start(int count, Deed<T> deed) {
    CyclicBarrier start = new CyclicBarrier(count);
    List<Future<T>> futures = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int thread = i;
      Callable<T> task =
          () -> {
            start.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
            return deed.by(thread);
          };
      futures.add(threads.submit(task));
    }
    return futures;
  }

  /** Begins, and waits for all. */
  static <T> List<T> doAtOnce(int count, Deed<T> deed) throws Exception {
    try (Crowd crowd = new Crowd()) {
      return results(crowd.start(count, deed));
    }
  }

  static <T> List<T> results(List<? extends Future<T>> futures) throws Exception {
    List<T> results = new ArrayList<>();
    for (Future<T> future : futures) {
      results.add(future.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }
    return results;
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
