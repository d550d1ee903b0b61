package dev.pgeventstore.kafka;

import dev.pgeventstore.AppendResult;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/** Appends of a few events each, to random streams, until it is stopped. */
final class Load {

  private volatile boolean stopped;
  private final FutureTask<AppendResult> last;

  Load(Bench bench) {
    last = new FutureTask<>(() -> run(bench));
    // A thread of its own: in the common pool it would keep everything else there from running.
    new Thread(last, "load").start();
  }

  private AppendResult run(Bench bench) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    AppendResult result;
    do {
      result = bench.append("order-" + random.nextInt(50), random.nextInt(1, 40));
      // Steadily, but leaving the processors to those who are tested.
      LockSupport.parkNanos(5_000_000);
    } while (!stopped);
    return result;
  }

  /** Ends it. */
  AppendResult stop() throws InterruptedException, ExecutionException {
    stopped = true;
    return last.get();
  }
}
