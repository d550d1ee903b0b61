package dev.pgeventstore.kafka;

import dev.pgeventstore.AppendResult;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;

/** Appends of a few events each, to random streams, until it is stopped. */
final class Load {

  private volatile boolean stopped;
  private final CompletableFuture<AppendResult> last;

  Load(Bench bench) {
    last = CompletableFuture.supplyAsync(() -> run(bench));
  }

  private AppendResult run(Bench bench) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    AppendResult result;
    do {
      result = bench.append("order-" + random.nextInt(50), random.nextInt(1, 40));
    } while (!stopped);
    return result;
  }

  /** Ends it. */
  AppendResult stop() {
    stopped = true;
    return last.join();
  }
}
