package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.postgres.internal.tables.Tenure;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * The lanes of a subscription on this node: one for each partition whose lease it has. Guarded by
 * the subscription's lock, which all its methods expect to be held.
 */
final class Lanes {

  private final Engine engine;
  private final RunningSubscription subscription;
  private final LaneSetting setting;
  private final String owner;
  private final Lock lock;
  private final Condition changed;

  private final Map<Integer, Lane> lanes = new HashMap<>();

  /** Also those that are no longer among the lanes but have not ended. */
  private final List<Lane> alive = new ArrayList<>();

  private int partitions = 1;

  /** Where the lane stood that ended last. */
  private long reached;

  Lanes(
      Engine engine,
      RunningSubscription subscription,
      LaneSetting setting,
      String owner,
      Lock lock,
      Condition changed) {
    this.engine = engine;
    this.subscription = subscription;
    this.setting = setting;
    this.owner = owner;
    this.lock = lock;
    this.changed = changed;
  }

  /** Begins and ends lanes, as the leases are. */
  void take(List<Leased> leases, long askedNanos) {
    for (Leased lease : leases) {
      partitions = lease.partitions();
      if (lease.owner().filter(owner::equals).isPresent()) {
        have(lease, askedNanos + TimeUnit.MILLISECONDS.toNanos(lease.millisLeft()));
      } else {
        lose(lease.key().partition());
      }
    }
    for (int number : List.copyOf(lanes.keySet())) {
      if (leases.stream().noneMatch(lease -> lease.key().partition() == number)) {
        lose(number);
      }
    }
  }

  private void have(Leased lease, long untilNanos) {
    int number = lease.key().partition();
    Lane lane = lanes.get(number);
    if (lane != null && lane.tenure().epoch() == lease.epoch()) {
      lane.renewed(untilNanos);
      if (lease.givesBack()) {
        lane.askToStop();
      }
      return;
    }
    if (lane != null) {
      lane.lose();
    }
    List<Lane> before =
        alive.stream().filter(other -> other.tenure().key().partition() == number).toList();
    Lane next =
        new Lane(
            engine,
            subscription,
            setting,
            new Share(new Tenure(lease.key(), owner, lease.epoch()), lease.partitions()),
            new Progress(engine.scheduler(), lock, changed),
            before);
    lanes.put(number, next);
    alive.add(next);
    next.renewed(untilNanos);
  }

  private void lose(int number) {
    Lane lane = lanes.remove(number);
    if (lane != null) {
      lane.lose();
    }
  }

  /** One has given its lease back, or has lost it. */
  void ended(Lane lane) {
    lanes.remove(lane.tenure().key().partition(), lane);
    alive.remove(lane);
    reached = lane.progress().position();
  }

  void askToStop() {
    alive.forEach(Lane::askToStop);
  }

  void wake() {
    alive.forEach(Lane::wake);
  }

  /** Those that have not ended. */
  List<Lane> alive() {
    return List.copyOf(alive);
  }

  boolean isEmpty() {
    return alive.isEmpty();
  }

  /** The one that handles a partition; null if none does here. */
  @Nullable Lane of(int partition) {
    return lanes.get(partition);
  }

  /** How many partitions there are, as far as this node knows. */
  int partitions() {
    return partitions;
  }

  Map<Integer, Progress.Snapshot> progress() {
    Map<Integer, Progress.Snapshot> all = new HashMap<>();
    lanes.forEach((number, lane) -> all.put(number, lane.progress()));
    return all;
  }

  /** Where the lane stood that ended last. */
  long reached() {
    return reached;
  }
}
