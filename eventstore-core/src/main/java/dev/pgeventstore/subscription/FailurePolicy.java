package dev.pgeventstore.subscription;

import java.time.Duration;
import java.util.Objects;

/**
 * What a subscription does when its handler fails. Immutable.
 *
 * <p>A batch that failed is handled again one event at a time, so that the events before the one
 * that fails are finished, and it is known which one fails. That event is retried, with pauses;
 * then the subscription stops, or the event is parked. Nothing is ever skipped.
 *
 * <p>An event that a node cannot decode ({@link dev.pgeventstore.UndecodableEventException}) is
 * left to a node that can: this node releases the partition, and takes it again only if no other
 * node is left, or some time after the event was handled. The policy applies once every live node
 * has declined it.
 *
 * <p>It applies to the handler only. If the database cannot be reached, is read-only, or has no
 * free disk space or connection, it is retried without end, and this does not count as an attempt.
 * A similar failure while the database is well, such as a statement timeout, a lock timeout or a
 * limit of one statement, does count. Deadlocks, serialization failures and lost connections are
 * retried at first, and ten in a row at one place count as one attempt.
 *
 * <p>An {@link Error} that the handler throws, such as an {@link AssertionError} or a {@link
 * StackOverflowError}, counts as an attempt, just as an exception does. Any other {@link
 * VirtualMachineError}, such as an {@link OutOfMemoryError}, does not count as an attempt: the
 * subscription stops, and parks nothing.
 *
 * <p>An event that was being handled alone when its process ended, or lost its lease, is not given
 * up for that before it has happened three times, or as often as the policy retries if that is more
 * often.
 */
public final class FailurePolicy {

  private static final Duration FIRST_BACK_OFF = Duration.ofMillis(100);
  private static final Duration LONGEST_BACK_OFF = Duration.ofSeconds(10);

  private final int retries;
  private final Duration firstBackOff;
  private final Duration longestBackOff;
  private final boolean parks;

  private FailurePolicy(
      int retries, Duration firstBackOff, Duration longestBackOff, boolean parks) {
    this.retries = retries;
    this.firstBackOff = firstBackOff;
    this.longestBackOff = longestBackOff;
    this.parks = parks;
  }

  /**
   * Stops at the first failure.
   *
   * @return the policy
   */
  public static FailurePolicy stop() {
    return new FailurePolicy(0, FIRST_BACK_OFF, LONGEST_BACK_OFF, false);
  }

  /**
   * Retries an event that failed, alone. Then choose what follows: {@link Retries#thenStop()} or
   * {@link Retries#thenPark()}. The first pause is 100 ms, each is twice the one before, and none
   * is longer than 10 s.
   *
   * @param times 1 to 1,000
   * @return how often it is retried
   * @throws IllegalArgumentException if that is out of range
   */
  public static Retries retry(int times) {
    if (times < 1 || times > 1_000) {
      throw new IllegalArgumentException("retries are 1 to 1,000, not " + times);
    }
    return new Retries(times, FIRST_BACK_OFF, LONGEST_BACK_OFF);
  }

  /**
   * How often an event that failed is retried.
   *
   * @return 0 or more
   */
  public int retries() {
    return retries;
  }

  /**
   * Whether an event that failed too often is parked; otherwise the subscription stops.
   *
   * @return true if it is parked
   */
  public boolean parks() {
    return parks;
  }

  /**
   * The pause before a retry.
   *
   * @param attempt which retry, from 1
   * @return the first back-off, doubled for each one before, up to the longest
   */
  public Duration backOff(int attempt) {
    int doublings = Math.min(Math.max(attempt, 1) - 1, 30);
    Duration pause = firstBackOff.multipliedBy(1L << doublings);
    return pause.compareTo(longestBackOff) > 0 ? longestBackOff : pause;
  }

  @Override
  public String toString() {
    return retries == 0
        ? "stop at once"
        : "retry %d times, then %s".formatted(retries, parks ? "park" : "stop");
  }

  /** How often an event that failed is retried, and how long the pauses are. Immutable. */
  public static final class Retries {

    private static final Duration MOST = Duration.ofHours(1);

    private final int times;
    private final Duration first;
    private final Duration longest;

    private Retries(int times, Duration first, Duration longest) {
      this.times = times;
      this.first = first;
      this.longest = longest;
    }

    /**
     * With other pauses.
     *
     * @param firstPause more than 0
     * @param longestPause as long or longer, at most an hour
     * @return the same number of retries
     * @throws IllegalArgumentException if one is out of range
     */
    public Retries backOff(Duration firstPause, Duration longestPause) {
      Objects.requireNonNull(firstPause, "first pause");
      if (firstPause.isNegative()
          || firstPause.isZero()
          || longestPause.compareTo(firstPause) < 0
          || longestPause.compareTo(MOST) > 0) {
        throw new IllegalArgumentException(
            "pauses grow from more than nothing to an hour at most, not from %s to %s"
                .formatted(firstPause, longestPause));
      }
      return new Retries(times, firstPause, longestPause);
    }

    /**
     * Then the subscription stops, all its partitions on all nodes, until it is started again.
     *
     * @return the policy
     */
    public FailurePolicy thenStop() {
      return new FailurePolicy(times, first, longest, false);
    }

    /**
     * Then the event and the later events of its stream are parked, in order; all others continue.
     * See {@link Subscription#parked()}.
     *
     * @return the policy
     */
    public FailurePolicy thenPark() {
      return new FailurePolicy(times, first, longest, true);
    }
  }
}
