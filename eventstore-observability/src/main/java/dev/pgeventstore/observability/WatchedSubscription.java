package dev.pgeventstore.observability;

import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.Partition;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The status of a subscription as it was last seen. One thread refreshes it, which may wait for the
 * database for as long as the driver does; all others read it and never wait. What is not known is
 * {@code NaN}.
 */
final class WatchedSubscription {

  /** A status that is older says that the database does not respond. */
  static final Duration STALE = Duration.ofSeconds(30);

  private final Subscription subscription;
  private final Clock clock;
  private final long began;
  private final HeldMark mark = new HeldMark();
  private volatile @Nullable SubscriptionStatus latest;

  /** The latest one that the database has responded to. */
  private volatile @Nullable Answered answered;

  WatchedSubscription(Subscription subscription, Clock clock) {
    this.subscription = subscription;
    this.clock = clock;
    this.began = clock.monotonicTime();
  }

  void refresh() {
    SubscriptionStatus status = subscription.status();
    // Without partitions it has only what this node knows: position and counts mean nothing.
    if (!status.partitions().isEmpty()) {
      long now = clock.monotonicTime();
      Duration held = mark.observe(status.highWaterMark(), status.blockers(), now);
      answered = new Answered(status, held, now);
    }
    latest = status;
  }

  /** Closed by the application: nothing is known of it any more. */
  boolean isClosed() {
    SubscriptionStatus status = latest;
    return status != null && status.state() == State.STOPPED;
  }

  Duration age() {
    Answered last = answered;
    return Duration.ofNanos(clock.monotonicTime() - (last == null ? began : last.at()));
  }

  Optional<String> complaint() {
    if (isClosed()) {
      return Optional.empty();
    }
    SubscriptionStatus status = latest;
    Optional<String> complaint = status == null ? Optional.empty() : status.complaint();
    return complaint.or(
        () ->
            isStale()
                ? Optional.of(
                    "the database has not responded for %d s".formatted(age().toSeconds()))
                : Optional.empty());
  }

  private boolean isStale() {
    return age().compareTo(STALE) > 0;
  }

  double healthy() {
    boolean isKnown = latest != null || isStale();
    return isClosed() || !isKnown ? Double.NaN : complaint().isEmpty() ? 1 : 0;
  }

  double stopped() {
    SubscriptionStatus status = latest;
    return status == null || isClosed() ? Double.NaN : status.state() == State.FAILED ? 1 : 0;
  }

  double lag() {
    Answered last = known();
    return last == null ? Double.NaN : last.status().lag();
  }

  double secondsBehind() {
    Answered last = known();
    return last == null
        ? Double.NaN
        : seconds(
            last.status().partitions().stream()
                .map(Partition::behind)
                .max(Duration::compareTo)
                .orElse(Duration.ZERO));
  }

  double parked() {
    Answered last = known();
    return last == null ? Double.NaN : last.status().parked();
  }

  double partitions() {
    Answered last = known();
    return last == null ? Double.NaN : last.status().partitions().size();
  }

  double secondsMarkHeld() {
    Answered last = known();
    return last == null ? Double.NaN : seconds(last.markHeld());
  }

  double secondsAge() {
    return isClosed() ? Double.NaN : seconds(age());
  }

  private @Nullable Answered known() {
    return isClosed() ? null : answered;
  }

  static double seconds(Duration time) {
    return time.toNanos() / 1e9;
  }

  private record Answered(SubscriptionStatus status, Duration markHeld, long at) {}
}
