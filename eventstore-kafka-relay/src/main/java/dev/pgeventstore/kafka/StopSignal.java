package dev.pgeventstore.kafka;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Asks a thread to come to an end, and ends its pauses. Safe for many threads. */
final class StopSignal {

  private final CountDownLatch requested = new CountDownLatch(1);

  void request() {
    requested.countDown();
  }

  boolean isRequested() {
    return requested.getCount() == 0;
  }

  /** Pauses, at most until the end is asked for. */
  void pause(Duration atMost) throws InterruptedException {
    // Whether it was asked for is what the caller looks at next.
    boolean unused = requested.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
  }
}
