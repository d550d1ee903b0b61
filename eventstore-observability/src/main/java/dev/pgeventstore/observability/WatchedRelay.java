package dev.pgeventstore.observability;

import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.kafka.RelayStatus.State;
import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** The figures of a relay's status. What is not known is {@code NaN}. */
final class WatchedRelay {

  private final Supplier<RelayStatus> status;
  private final Clock clock;
  private final HeldMark mark = new HeldMark();

  WatchedRelay(Supplier<RelayStatus> status, Clock clock) {
    this.status = status;
    this.clock = clock;
  }

  Optional<String> complaint() {
    return status.get().complaint();
  }

  /** A total of this relay object, which a closed one keeps. */
  double total(ToDoubleFunction<RelayStatus> of) {
    return of.applyAsDouble(status.get());
  }

  double healthy() {
    return unlessClosed(now -> now.isHealthy() ? 1 : 0);
  }

  double halted() {
    return unlessClosed(now -> now.state() == State.HALTED ? 1 : 0);
  }

  double leads() {
    return unlessClosed(
        now -> now.lanes().stream().filter(lane -> lane.state() == State.LEADING).count());
  }

  double parkedStreams() {
    return unlessClosed(RelayStatus::parkedStreams);
  }

  double lag() {
    return unlessClosed(now -> standsBy(now) ? Double.NaN : now.lag());
  }

  double secondsBehind() {
    return unlessClosed(now -> standsBy(now) ? Double.NaN : seconds(now.behindFor()));
  }

  /** Only the relay that leads knows how far it is. */
  private static boolean standsBy(RelayStatus now) {
    return now.state() == State.STANDBY && now.isHealthy();
  }

  double secondsMarkHeld() {
    return unlessClosed(
        now -> seconds(mark.observe(now.highWaterMark(), now.blockers(), clock.monotonicTime())));
  }

  private double unlessClosed(ToDoubleFunction<RelayStatus> value) {
    RelayStatus now = status.get();
    return now.state() == State.STOPPED ? Double.NaN : value.applyAsDouble(now);
  }

  private static double seconds(Duration time) {
    return WatchedSubscription.seconds(time);
  }
}
