package dev.pgeventstore.testkit;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.scheduling.Scheduler;
import java.util.Arrays;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * What is kept of a subscription, whether it runs or not: in a database, its rows. All of it is
 * guarded by the store's monitor.
 */
final class SubscriptionState {

  /**
   * Held while a partition handles events and moves: so a promotion can keep it where it stands.
   */
  final Lock moving = Scheduler.threads().newLock();

  final ParkedStreams parked = new ParkedStreams();

  /** The query that it is declared with. */
  String query;

  /** The number of the last run. */
  long epoch;

  /** What stopped it. */
  @Nullable Throwable failure;

  /** Whether it was removed, with the version of a projection that it kept. */
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

  /** Divides its events anew. All partitions stand at one position. */
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
