package dev.pgeventstore.benchmarks;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that repeat the same operation for some time. */
final class Crew {

  private final int threads;
  private final Duration time;

  Crew(int threads, Duration time) {
    this.threads = threads;
    this.time = time;
  }

  /** Runs one worker in each thread, and counts and times its operations. */
  Outcome run(Hiring hiring) throws Exception {
    // Workers are created one after the other, before any of them begins. If a pool must open
    // connections for many threads at once, it may miss one of these threads, and all others would
    // wait for it.
    List<Worker> workers = new ArrayList<>();
    try {
      for (int i = 0; i < threads; i++) {
        workers.add(hiring.hire(i));
      }
      return run(workers);
    } finally {
      for (Worker worker : workers) {
        worker.close();
      }
    }
  }

  private Outcome run(List<Worker> workers) throws InterruptedException, ExecutionException {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      CyclicBarrier ready = new CyclicBarrier(threads);
      List<Future<Shift>> running = new ArrayList<>();
      for (Worker worker : workers) {
        running.add(executor.submit(() -> work(worker, ready)));
      }
      return outcome(running);
    } finally {
      executor.shutdownNow();
    }
  }

  private Shift work(Worker worker, CyclicBarrier ready) throws Exception {
    ready.await();
    long[] latencies = new long[1024];
    int count = 0;
    long started = System.nanoTime();
    long now = started;
    while (now - started < time.toNanos()) {
      worker.once();
      long done = System.nanoTime();
      if (count == latencies.length) {
        latencies = Arrays.copyOf(latencies, 2 * count);
      }
      latencies[count++] = done - now;
      now = done;
    }
    return new Shift(Arrays.copyOf(latencies, count), now - started);
  }

  private static Outcome outcome(List<Future<Shift>> running)
      throws InterruptedException, ExecutionException {
    long longest = 0;
    long[] all = new long[0];
    for (Future<Shift> one : running) {
      Shift shift = one.get();
      int before = all.length;
      all = Arrays.copyOf(all, before + shift.latencies.length);
      System.arraycopy(shift.latencies, 0, all, before, shift.latencies.length);
      longest = Math.max(longest, shift.nanos);
    }
    return new Outcome(all, longest);
  }

  /** Creates the worker of a thread. */
  @FunctionalInterface
  interface Hiring {
    Worker hire(int thread) throws Exception;
  }

  /** Repeats an operation in one thread. */
  @FunctionalInterface
  interface Worker extends AutoCloseable {
    void once() throws Exception;

    @Override
    default void close() throws Exception {}
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Shift(long[] latencies, long nanos) {}

  /** The operations of all workers. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Outcome(long[] latencies, long nanos) {

    Figures perSecond(String what, int perTurn) {
      return Figures.perSecond(what, (long) latencies.length * perTurn, nanos);
    }

    Figures withLatencies(String what, int perTurn) {
      return perSecond(what, perTurn).with("", latencies, 0.5, 0.99);
    }
  }
}
