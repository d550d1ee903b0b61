package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Scheduler;

/** How long a lane's lease is its own for certain. Safe for many threads. */
final class LaneLease {

  private static final long LOOK_AGAIN_MILLIS = 100;

  private final Scheduler scheduler;
  private final Progress progress;
  private volatile long untilNanos;
  private volatile boolean lost;

  LaneLease(Scheduler scheduler, Progress progress) {
    this.scheduler = scheduler;
    this.progress = progress;
  }

  /** It was renewed: until then nobody else can have it. */
  void renewed(long until) {
    untilNanos = until;
  }

  /** Somebody else has it. */
  void lose() {
    lost = true;
  }

  boolean isLost() {
    return lost;
  }

  /** Nothing is begun when somebody else may have the lease; to end it would be in vain. */
  void await() {
    while (untilNanos - scheduler.nanoTime() <= 0 && !progress.isStopping()) {
      progress.pause(LOOK_AGAIN_MILLIS);
    }
  }
}
