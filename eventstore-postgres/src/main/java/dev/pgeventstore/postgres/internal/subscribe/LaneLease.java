package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Scheduler;

/** How long a lane's lease is its own for certain. Safe for many threads. */
final class LaneLease {

  private final Scheduler scheduler;
  private volatile long untilNanos;
  private volatile boolean lost;

  LaneLease(Scheduler scheduler) {
    this.scheduler = scheduler;
  }

  /** It was renewed: until then nobody else can have it. */
  void renewed(long until) {
    untilNanos = until;
  }

  /** Another node has it. */
  void lose() {
    lost = true;
  }

  boolean isLost() {
    return lost;
  }

  /** Nothing is begun when another node may have the lease; to end it would be in vain. */
  boolean isCertain() {
    return untilNanos - scheduler.nanoTime() > 0;
  }
}
