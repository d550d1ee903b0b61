package dev.pgeventstore.kafka;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** Appends of a few events each, to random streams, until it is stopped. */
final class Load {

  private static final long PAUSE_NANOS = 5_000_000;

  private volatile boolean stopped;
  private final FutureTask<AppendResult> last;

  Load(Bench bench) {
    this(bench, false, PAUSE_NANOS);
  }

  private Load(Bench bench, boolean undeterred, long pauseNanos) {
    last = new FutureTask<>(() -> run(bench, undeterred, pauseNanos));
    // A thread of its own: in the common pool it would keep everything else there from running.
    Thread thread = new Thread(last, "load");
    thread.setDaemon(true);
    thread.start();
  }

  /** One that goes on when appends fail because the database is away. */
  static Load undeterred(Bench bench) {
    return new Load(bench, true, PAUSE_NANOS);
  }

  /** One that appends a tenth as much. */
  static Load light(Bench bench) {
    return new Load(bench, false, 10 * PAUSE_NANOS);
  }

  private AppendResult run(Bench bench, boolean undeterred, long pauseNanos) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    AppendResult result = null;
    do {
      try {
        result = bench.append("order-" + random.nextInt(50), random.nextInt(1, 40));
      } catch (EventStoreException e) {
        if (!undeterred) {
          throw e;
        }
        LockSupport.parkNanos(20 * PAUSE_NANOS);
      }
      // Steadily, but leaving the processors to those who are tested.
      LockSupport.parkNanos(pauseNanos);
    } while (!stopped || result == null);
    return result;
  }

  /** Ends it. */
  AppendResult stop() throws InterruptedException, ExecutionException, TimeoutException {
    stopped = true;
    return last.get(Bench.PATIENCE.toSeconds(), TimeUnit.SECONDS);
  }
}
