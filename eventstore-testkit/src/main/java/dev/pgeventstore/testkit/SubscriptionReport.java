package dev.pgeventstore.testkit;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.Partition;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Describes the state of a subscription. Under the store's monitor. */
final class SubscriptionReport {

  private final SubscriptionSpec spec;
  private final SubscriptionState state;
  private final List<InMemoryLane> lanes;
  private final InMemoryLog log;
  private final State running;

  private SubscriptionReport(
      SubscriptionSpec spec,
      SubscriptionState state,
      List<InMemoryLane> lanes,
      InMemoryLog log,
      State running) {
    this.spec = spec;
    this.state = state;
    this.lanes = lanes;
    this.log = log;
    this.running = running;
  }

  static SubscriptionStatus of(
      SubscriptionSpec spec,
      SubscriptionState state,
      List<InMemoryLane> lanes,
      InMemoryLog log,
      State running) {
    return new SubscriptionReport(spec, state, lanes, log, running).status();
  }

  /** The subscription's position, and why it is not further. */
  static String explain(String name, SubscriptionStatus status, long wanted) {
    StringBuilder text =
        new StringBuilder(
            "subscription %s is at position %s of %s settled, not yet at %d"
                .formatted(name, status.position(), status.highWaterMark(), wanted));
    status.error().ifPresent(e -> text.append("; it retries after ").append(Failures.describe(e)));
    status.complaint().ifPresent(complaint -> text.append("; ").append(complaint));
    return text.toString();
  }

  private SubscriptionStatus status() {
    Optional<Throwable> retrying =
        lanes.stream().flatMap(lane -> lane.retriesAfter().stream()).findFirst();
    boolean retries = running == State.RUNNING && retrying.isPresent();
    return new Status(
        retries ? State.RETRYING : running,
        state.position(),
        log.highWaterMark(),
        Optional.ofNullable(state.failure).or(() -> retries ? retrying : Optional.empty()),
        lanes.stream().map(this::partition).toList(),
        state.parked.all().size(),
        List.of(),
        complaint());
  }

  private Partition partition(InMemoryLane lane) {
    Position position = Position.of(state.checkpoint(lane.number()));
    boolean runs = running == State.RUNNING;
    Optional<Throwable> error =
        Optional.ofNullable(state.failure).or(runs ? lane::retriesAfter : Optional::empty);
    return new OfPartition(
        lane.number(),
        runs ? (error.isPresent() ? State.RETRYING : State.RUNNING) : ended(),
        position,
        lag(position),
        behind(position),
        runs ? Optional.of(log.incarnation()) : Optional.empty(),
        state.epoch,
        runs ? spec.leaseTime() : Duration.ZERO,
        error.map(Failures::describe));
  }

  /**
   * The state after the end: a subscription that was closed can be started again in any process.
   */
  private State ended() {
    return running == State.FAILED ? State.FAILED : State.WAITING;
  }

  private long lag(Position position) {
    return log.highWaterMark().value() - position.value();
  }

  private Duration behind(Position position) {
    return log.page(event -> true, position, 1).events().stream()
        .map(event -> Duration.between(event.recordedAt(), log.now()))
        .map(time -> time.isNegative() ? Duration.ZERO : time)
        .findFirst()
        .orElse(Duration.ZERO);
  }

  private Optional<String> complaint() {
    List<String> complaints = new ArrayList<>();
    if (state.removed) {
      complaints.add("it was removed: it has no checkpoint any more");
    } else if (state.failure != null) {
      complaints.add("it has stopped: " + Failures.describe(state.failure));
    }
    for (InMemoryLane lane : lanes) {
      Position position = Position.of(state.checkpoint(lane.number()));
      if (lag(position) > 0
          && lane.unmoved().compareTo(spec.unhealthyAfter()) > 0
          && behind(position).compareTo(spec.unhealthyAfter()) > 0) {
        complaints.add(
            "partition %d is %d positions behind and has not moved for %d s"
                .formatted(lane.number(), lag(position), lane.unmoved().toSeconds()));
      }
    }
    int parked = state.parked.all().size();
    if (parked > 0) {
      complaints.add(
          "%d %s: replay or discard them"
              .formatted(parked, parked == 1 ? "event is parked" : "events are parked"));
    }
    return complaints.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", complaints));
  }

  private record Status(
      State state,
      Position position,
      Position highWaterMark,
      Optional<Throwable> error,
      List<Partition> partitions,
      long parked,
      List<Blocker> blockers,
      Optional<String> complaint)
      implements SubscriptionStatus {}

  private record OfPartition(
      int number,
      State state,
      Position position,
      long lag,
      Duration behind,
      Optional<String> owner,
      long epoch,
      Duration lease,
      Optional<String> error)
      implements Partition {}
}
