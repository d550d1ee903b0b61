package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.RelayStatus.State;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Since when a lane fails, stands by or is behind, and whether that is too long. For one thread.
 */
final class Health {

  private final Scheduler scheduler;
  private final int lane;
  private final Duration unhealthyAfter;
  private long lastMoved;
  private long failingSince;
  private boolean failing = true;
  private long standbySince;
  private long behindSince;
  private boolean behind;

  Health(Scheduler scheduler, int lane, Duration unhealthyAfter) {
    this.scheduler = scheduler;
    this.lane = lane;
    this.unhealthyAfter = unhealthyAfter;
    this.lastMoved = scheduler.nanoTime();
    this.failingSince = lastMoved;
  }

  void enters(State next, State before, boolean hasFailed) {
    if (next == State.STANDBY && before != State.STANDBY) {
      standbySince = scheduler.nanoTime();
    }
    boolean nowFailing = next == State.STARTING || (next == State.STANDBY && failing && hasFailed);
    if (nowFailing && !failing) {
      failingSince = scheduler.nanoTime();
    }
    failing = nowFailing;
  }

  /** Standing where one stood is no move, however often one takes over there. */
  void reached(boolean isFurther) {
    if (isFurther || !behind) {
      lastMoved = scheduler.nanoTime();
      failing = false;
    }
  }

  void settled(boolean isBehind) {
    if (isBehind && !behind) {
      behindSince = scheduler.nanoTime();
    }
    behind = isBehind;
  }

  Duration behindFor() {
    return behind ? since(behindSince) : Duration.ZERO;
  }

  /**
   * What is wrong, if anything is.
   *
   * @param reason for its state
   * @param lastFailure although it may have got over it
   * @param lag in positions
   * @param blockers of the high-water mark
   */
  Optional<String> complaint(
      State state,
      Optional<String> reason,
      Optional<String> lastFailure,
      long lag,
      List<Blocker> blockers) {
    if (state == State.STOPPED) {
      return Optional.empty();
    }
    if (state == State.HALTED) {
      return Optional.of("lane %d has halted: %s".formatted(lane, reason.orElse("")));
    }
    // Two that fail in turns stand by in between, but never for long.
    boolean standsBy = state == State.STANDBY && isLong(since(standbySince));
    if (failing && !standsBy && isLong(since(failingSince))) {
      return Optional.of(
          "lane %d has not begun to publish for %s: %s"
              .formatted(lane, since(failingSince), lastFailure.orElse("it waits for Kafka")));
    }
    if (state == State.STANDBY) {
      return Optional.empty();
    }
    Duration still = since(Math.max(lastMoved, behindSince));
    if (behind && isLong(still)) {
      return Optional.of(
          "lane %d has not moved for %s and is %d positions behind%s"
              .formatted(
                  lane, still, lag, reason.or(() -> lastFailure).map(": "::concat).orElse("")));
    }
    return blockers.stream()
        .filter(blocker -> isLong(blocker.age()))
        .findFirst()
        .map(
            blocker ->
                "the high-water mark has been held back for %s by %s, application '%s'"
                    .formatted(
                        blocker.age(),
                        blocker
                            .pid()
                            .map(pid -> "process " + pid)
                            .orElse("prepared transaction " + blocker.prepared().orElse("?")),
                        blocker.application()));
  }

  private Duration since(long nanos) {
    return Duration.ofNanos(Math.max(0, scheduler.nanoTime() - nanos));
  }

  private boolean isLong(Duration time) {
    return time.compareTo(unhealthyAfter) > 0;
  }
}
