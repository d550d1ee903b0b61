package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** How far a consumer is in a partition, and what holds it there. For the consumer's thread. */
final class PartitionProgress {

  private static final long NONE = -1;

  private long nextOffset = NONE;
  private int attempts;
  private int pauses;
  private boolean waits;
  private boolean stopped;
  private long goesOnAt;
  private @Nullable String failure;

  void handledUpTo(long next) {
    nextOffset = next;
    attempts = 0;
    pauses = 0;
    failure = null;
  }

  /** Returns how often the record at the next offset has failed. */
  int failedAlone() {
    return ++attempts;
  }

  void waitAndRetry(String why, Backoffs backoffs) {
    Duration pause = backoffs.pause(++pauses);
    failure = why;
    waits = true;
    goesOnAt = System.nanoTime() + Durations.nanos(pause);
  }

  void stop(String why) {
    failure = why;
    stopped = true;
  }

  void resume() {
    attempts = 0;
    pauses = 0;
    waits = false;
    stopped = false;
  }

  /** Whether it waited, and has waited long enough. */
  boolean hasWaited() {
    boolean now = waits && !stopped && System.nanoTime() - goesOnAt >= 0;
    waits &= !now;
    return now;
  }

  int attempts() {
    return attempts;
  }

  boolean isStopped() {
    return stopped;
  }

  PartitionStatus status() {
    return new PartitionStatus(
        nextOffset == NONE ? Optional.empty() : Optional.of(nextOffset),
        attempts,
        stopped,
        Optional.ofNullable(failure));
  }
}
