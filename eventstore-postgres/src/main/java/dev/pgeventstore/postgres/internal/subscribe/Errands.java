package dev.pgeventstore.postgres.internal.subscribe;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bounds how many lanes of a store do at once what is done for no handler: load a checkpoint, or
 * store one that has moved over what is not wanted. Otherwise one event would make as many threads
 * as there are subscriptions that do not want it. A lane that finds no place tries again a little
 * later. Safe for many threads.
 */
final class Errands {

  static final long RETRY_MILLIS = 20;

  private static final int MOST = 4;

  private final AtomicInteger underWay = new AtomicInteger();

  /** Begins one, if there is a place. To be ended. */
  boolean tryBegin() {
    if (underWay.incrementAndGet() <= MOST) {
      return true;
    }
    end();
    return false;
  }

  void end() {
    underWay.decrementAndGet();
  }
}
