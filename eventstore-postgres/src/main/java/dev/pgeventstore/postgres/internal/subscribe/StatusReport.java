package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.SubscriptionStatusQuery.PartitionRow;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.Partition;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Puts together what this node and the database know of a subscription. */
final class StatusReport {

  private final SubscriptionTables tables;
  private final HighWaterMark highWaterMark;
  private final DurableMark durableMark;

  StatusReport(SubscriptionTables tables, HighWaterMark highWaterMark, DurableMark durableMark) {
    this.durableMark = durableMark;
    this.tables = tables;
    this.highWaterMark = highWaterMark;
  }

  /** The incarnation of the server, as it was observed last. */
  String incarnation() {
    return highWaterMark.last().incarnation();
  }

  /** The incarnation that the server has been in at some time after a moment. */
  String incarnationSince(long moment) throws SQLException {
    return highWaterMark.incarnationSince(moment);
  }

  /** The status of a subscription whose lanes here are in some states. */
  SubscriptionStatus of(
      SubscriptionSpec spec,
      State state,
      Optional<Throwable> failure,
      Map<Integer, Progress.Snapshot> lanes,
      String node) {
    long mark = highWaterMark.last().position();
    try {
      mark = highWaterMark.observe().position();
      long observed = mark;
      Connections connections = tables.connections();
      List<PartitionRow> rows =
          connections.use(c -> tables.status().status(c, spec.name(), observed));
      // After the checkpoints were read: what the report says is durable.
      durableMark.observe();
      long parked = connections.use(c -> tables.parked().count(c, spec.name()));
      List<Blocker> blocking = connections.use(this::blocking);
      List<Partition> partitions =
          rows.stream()
              .map(row -> partition(row, lanes.get(row.number()), observed, node))
              .toList();
      return new Status(
          overall(state, lanes),
          Position.of(partitions.stream().mapToLong(p -> p.position().value()).min().orElse(0)),
          Position.of(mark),
          failure.or(() -> firstError(lanes)),
          partitions,
          parked,
          blocking,
          complaint(spec, failure, partitions, rows, parked, blocking));
    } catch (SQLException e) {
      return unreachable(state, failure, lanes, mark, e);
    }
  }

  /** Appends on their way hold the mark back for moments only: they are not worth a word. */
  private List<Blocker> blocking(Connection connection) throws SQLException {
    boolean heldBack = highWaterMark.heldBackFor().compareTo(Duration.ZERO) > 0;
    return tables
        .blockers()
        .olderThan(connection, heldBack ? Duration.ZERO : Duration.ofSeconds(1));
  }

  private static State overall(State state, Map<Integer, Progress.Snapshot> lanes) {
    return state == State.RUNNING
            && lanes.values().stream().anyMatch(lane -> lane.state() == State.RETRYING)
        ? State.RETRYING
        : state;
  }

  private static Optional<Throwable> firstError(Map<Integer, Progress.Snapshot> lanes) {
    return lanes.values().stream().flatMap(lane -> lane.error().stream()).findFirst();
  }

  private static Partition partition(
      PartitionRow row, Progress.@Nullable Snapshot lane, long mark, String node) {
    boolean isHere = lane != null && row.owner().filter(node::equals).isPresent();
    // A lane knows of events that it has passed over and not yet written down.
    long position =
        lane != null && isHere ? Math.max(lane.position(), row.position()) : row.position();
    State state;
    if (row.stopped()) {
      state = State.FAILED;
    } else if (row.owner().isEmpty() || row.lease().isZero()) {
      state = State.WAITING;
    } else {
      state = lane != null && isHere ? lane.state() : State.RUNNING;
    }
    return new PartitionStatus(
        row.number(),
        state,
        Position.of(position),
        Math.max(0, mark - position),
        position >= mark ? Duration.ZERO : row.behind(),
        row.owner(),
        row.epoch(),
        row.lease(),
        lane != null && lane.error().isPresent()
            ? lane.error().map(Failure::describe)
            : row.error().or(() -> row.declined().map(who -> "declined by " + who)));
  }

  private Optional<String> complaint(
      SubscriptionSpec spec,
      Optional<Throwable> failure,
      List<Partition> partitions,
      List<PartitionRow> rows,
      long parked,
      List<Blocker> blocking) {
    List<String> complaints = new ArrayList<>();
    failure.ifPresent(error -> complaints.add("it has stopped: " + Failure.describe(error)));
    for (int i = 0; i < partitions.size(); i++) {
      Partition partition = partitions.get(i);
      if (partition.state() == State.FAILED && failure.isEmpty()) {
        complaints.add("it was stopped: " + partition.error().orElse("unknown"));
      } else if (rows.get(i).declined().isPresent() && rows.get(i).declinedByAll()) {
        complaints.add(
            "no live node can decode an event of partition %d behind position %s: %s"
                .formatted(partition.number(), partition.position(), rows.get(i).declined().get()));
      } else if (partition.lag() > 0
          && rows.get(i).unmoved().compareTo(spec.unhealthyAfter()) > 0
          && partition.behind().compareTo(spec.unhealthyAfter()) > 0) {
        complaints.add(
            "partition %d is %d positions behind and has not moved for %d s%s"
                .formatted(
                    partition.number(),
                    partition.lag(),
                    rows.get(i).unmoved().toSeconds(),
                    partition.state() == State.WAITING ? ": no node has its lease" : ""));
      }
    }
    if (rows.isEmpty() && failure.isEmpty()) {
      complaints.add("it was removed: it has no checkpoint any more");
    }
    if (parked > 0) {
      complaints.add(
          "%d %s: replay or discard them"
              .formatted(parked, parked == 1 ? "event is parked" : "events are parked"));
    }
    Duration unobserved = highWaterMark.sinceObserved();
    if (unobserved.compareTo(spec.unhealthyAfter()) > 0) {
      complaints.add(
          "the high-water mark could not be observed for %d s".formatted(unobserved.toSeconds()));
    }
    heldBack(spec.unhealthyAfter(), blocking).ifPresent(complaints::add);
    return complaints.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", complaints));
  }

  private Optional<String> heldBack(Duration tooLong, List<Blocker> blocking) {
    Optional<Blocker> known =
        blocking.stream().filter(blocker -> blocker.age().compareTo(tooLong) > 0).findFirst();
    if (known.isPresent()) {
      return Optional.of(
          "the high-water mark is held back for %d s by %s"
              .formatted(known.get().age().toSeconds(), name(known.get())));
    }
    Duration unmoved = highWaterMark.heldBackFor();
    if (unmoved.compareTo(tooLong) <= 0) {
      return Optional.empty();
    }
    // Whoever it is: a mark that stands must not look well because this role may not see ages.
    return Optional.of(
        "the high-water mark is held back for %d s%s"
            .formatted(
                unmoved.toSeconds(),
                blocking.isEmpty()
                    ? ""
                    : ", maybe by " + blocking.stream().map(StatusReport::name).toList()));
  }

  /** What holds the mark back, for messages. */
  static String name(Blocker blocker) {
    return blocker
        .prepared()
        .map(id -> "prepared transaction " + id)
        .orElseGet(
            () ->
                "process %s of %s"
                    .formatted(
                        blocker.pid().map(Object::toString).orElse("unknown"),
                        blocker.application().isEmpty() ? blocker.user() : blocker.application()));
  }

  private static SubscriptionStatus unreachable(
      State state,
      Optional<Throwable> failure,
      Map<Integer, Progress.Snapshot> lanes,
      long mark,
      SQLException e) {
    return new Status(
        overall(state, lanes),
        Position.of(lanes.values().stream().mapToLong(Progress.Snapshot::position).min().orElse(0)),
        Position.of(mark),
        failure.or(() -> Optional.of(e)),
        List.of(),
        0,
        List.of(),
        Optional.of("the database cannot be asked: " + e.getMessage()));
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

  private record PartitionStatus(
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
