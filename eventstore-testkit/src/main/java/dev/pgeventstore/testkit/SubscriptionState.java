package dev.pgeventstore.testkit;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.Arrays;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * The state of a subscription, whether it runs or not; with a database, these would be its rows.
 * Guarded by the store's monitor.
 */
final class SubscriptionState {

  /**
   * Held while a partition handles events and moves, so that a promotion can stop the subscription.
   */
  final Lock moving = Scheduler.threads().newLock();

  final ParkedStreams parked = new ParkedStreams();

  /** The query of the subscription's declaration. */
  String query;

  /** The number of the last run. */
  long epoch;

  /** The failure that stopped the subscription. */
  @Nullable Throwable failure;

  /** Whether the subscription was removed, together with its version of a projection. */
  boolean removed;

  private long[] checkpoints;

  SubscriptionState(String query, int partitions, long start) {
    this.query = query;
    this.checkpoints = new long[partitions];
    Arrays.fill(checkpoints, start);
  }

  int partitions() {
    return checkpoints.length;
  }

  long checkpoint(int partition) {
    return checkpoints[partition];
  }

  void move(int partition, long to) {
    checkpoints[partition] = to;
  }

  /** Changes the number of partitions. All partitions stand at one position. */
  void divide(int partitions) {
    long position = furthest();
    checkpoints = new long[partitions];
    Arrays.fill(checkpoints, position);
  }

  long furthest() {
    return Arrays.stream(checkpoints).max().orElseThrow();
  }

  long lowest() {
    return Arrays.stream(checkpoints).min().orElseThrow();
  }

  Position position() {
    return Position.of(lowest());
  }
}
